# What vectisctl's commands share, without its main.
check_PROGRAMS += check_vectisctl
TESTS += check_vectisctl
check_vectisctl_SOURCES = %D%/check_vectisctl.c %D%/test_dial.c %D%/test_say.c \
	vectisctl/dial.c vectisctl/say.c tests/tls/pki.c
check_vectisctl_CPPFLAGS = $(test_cppflags)
check_vectisctl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
check_vectisctl_LDADD = $(service_test_libs) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS) \
	-lpthread
