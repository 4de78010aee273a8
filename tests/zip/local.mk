check_PROGRAMS += check_zip
TESTS += check_zip
check_zip_SOURCES = %D%/check_zip.c %D%/test_gzip.c %D%/test_session.c
check_zip_SOURCES += %D%/test_archive.c
check_zip_CPPFLAGS = $(test_cppflags)
check_zip_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(ZLIB_CFLAGS)
check_zip_LDADD = libvxt.la libvx_zip.la libvx_base.la $(CHECK_LIBS) $(ZLIB_LIBS)
