check_PROGRAMS += check_reports
TESTS += check_reports
check_reports_SOURCES = %D%/check_reports.c %D%/test_count.c %D%/test_intake.c %D%/test_make.c tests/store/fixture.c
check_reports_CPPFLAGS = $(test_cppflags) -I$(srcdir)/tests/store
check_reports_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_reports_LDADD = libvxt.la libvx_reports.la libvx_queue.la libvx_directory.la \
	libvx_store.la libvx_mailauth.la libvx_zip.la libvx_dns.la libvx_mime.la \
	libvx_crypto.la libvx_base.la $(CHECK_LIBS)
