check_PROGRAMS += check_directory
TESTS += check_directory
check_directory_SOURCES = %D%/check_directory.c %D%/test_ownership.c %D%/test_sending.c
check_directory_CPPFLAGS = $(test_cppflags)
check_directory_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_directory_LDADD = libvxt.la libvx_directory.la libvx_store.la libvx_mime.la libvx_crypto.la libvx_base.la \
	$(CHECK_LIBS)
