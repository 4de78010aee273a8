noinst_LTLIBRARIES += libvx_auth.la
libvx_auth_la_SOURCES = %D%/auth.c %D%/refused.c %D%/refused.h %D%/throttle.c %D%/throttle.h
libvx_auth_la_LIBADD = -lpthread
