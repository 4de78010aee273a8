noinst_LTLIBRARIES += libvx_pop3.la
libvx_pop3_la_SOURCES = %D%/body.c %D%/body.h %D%/server.c
