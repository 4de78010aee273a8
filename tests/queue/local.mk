check_PROGRAMS += check_queue
TESTS += check_queue
check_queue_SOURCES = %D%/check_queue.c %D%/test_bounce.c %D%/test_relay.c tests/store/fixture.c
check_queue_CPPFLAGS = $(test_cppflags) -I$(srcdir)/tests/store
check_queue_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_queue_LDADD = libvxt.la libvx_queue.la libvx_store.la libvx_mime.la libvx_dns.la \
	libvx_base.la $(CHECK_LIBS)
check_queue_SOURCES += %D%/test_sts_cache.c
