noinst_LTLIBRARIES += libvx_zip.la
libvx_zip_la_SOURCES = %D%/gzip.c %D%/gzip.h %D%/zip.c %D%/zip.h
libvx_zip_la_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
libvx_zip_la_LIBADD = $(ZLIB_LIBS)
libvx_zip_la_SOURCES += %D%/tar.c
