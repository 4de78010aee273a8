check_PROGRAMS += check_pop3
TESTS += check_pop3
check_pop3_SOURCES = %D%/check_pop3.c %D%/test_body.c %D%/test_server.c
check_pop3_CPPFLAGS = $(test_cppflags)
check_pop3_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_pop3_LDADD = libvxt.la libvx_pop3.la libvx_sasl.la libvx_crypto.la libvx_base.la $(CHECK_LIBS)
EXTRA_DIST += tests/data/pop3
