check_PROGRAMS += check_smtp
TESTS += check_smtp
check_smtp_SOURCES = \
	%D%/check_smtp.c \
	%D%/client_host.c \
	%D%/client_host.h \
	%D%/host.c \
	%D%/host.h \
	%D%/test_client.c \
	%D%/test_data.c \
	%D%/test_inject.c \
	%D%/test_limits.c \
	%D%/test_pair.c \
	%D%/test_path.c \
	%D%/test_route.c \
	%D%/test_server.c \
	%D%/test_sts.c \
	%D%/test_stuff.c
check_smtp_CPPFLAGS = $(test_cppflags)
check_smtp_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_smtp_LDADD = libvxt.la libvx_smtp.la libvx_sasl.la libvx_crypto.la libvx_mime.la libvx_dns.la libvx_base.la \
	$(CHECK_LIBS)
EXTRA_DIST += tests/data/smtp tests/data/smtp_client
