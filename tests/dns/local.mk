check_PROGRAMS += check_dns
TESTS += check_dns
check_dns_SOURCES = \
	%D%/check_dns.c \
	%D%/test_caa.c \
	%D%/test_cache.c \
	%D%/test_dnsbl.c \
	%D%/test_message.c \
	%D%/test_name.c \
	%D%/test_ownership.c \
	%D%/test_record.c \
	%D%/test_server.c
check_dns_CPPFLAGS = $(test_cppflags)
check_dns_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_dns_LDADD = libvxt.la libvx_dns.la libvx_base.la $(CHECK_LIBS)
