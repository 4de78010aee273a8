noinst_LTLIBRARIES += libvx_auth.la
libvx_auth_la_SOURCES = %D%/auth.c
libvx_auth_la_LIBADD = -lpthread
