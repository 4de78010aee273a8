noinst_LTLIBRARIES += libvx_http.la
libvx_http_la_SOURCES = %D%/head.c %D%/head.h %D%/server.c
