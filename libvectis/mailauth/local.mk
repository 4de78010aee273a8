noinst_LTLIBRARIES += libvx_mailauth.la
libvx_mailauth_la_SOURCES = %D%/verdict.c
