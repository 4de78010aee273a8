noinst_LTLIBRARIES += libvx_smtp.la
libvx_smtp_la_SOURCES = %D%/data.c %D%/data.h %D%/path.c %D%/path.h %D%/server.c
