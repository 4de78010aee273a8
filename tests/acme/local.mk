check_PROGRAMS += check_acme
TESTS += check_acme
check_acme_SOURCES = \
	%D%/ca.c \
	%D%/ca.h \
	%D%/check_acme.c \
	%D%/test_caa.c \
	%D%/test_dane.c \
	%D%/test_issue.c \
	%D%/test_object.c \
	%D%/test_permit.c \
	%D%/test_renewal.c \
	%D%/test_trouble.c \
	%D%/test_ways.c \
	%D%/world.c
check_acme_CPPFLAGS = $(test_cppflags)
check_acme_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
check_acme_LDADD = libvxt.la libvx_acme.la libvx_dns.la libvx_mime.la libvx_crypto.la libvx_base.la \
	$(GNUTLS_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS)
