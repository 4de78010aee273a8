check_PROGRAMS += check_sasl
TESTS += check_sasl
check_sasl_SOURCES = %D%/check_sasl.c %D%/test_client.c %D%/test_plain.c %D%/test_scram.c
check_sasl_CPPFLAGS = $(test_cppflags)
check_sasl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_sasl_LDADD = libvxt.la libvx_sasl.la libvx_crypto.la libvx_base.la $(CHECK_LIBS)
