check_PROGRAMS += check_cloudflare
TESTS += check_cloudflare
check_cloudflare_SOURCES = %D%/check_cloudflare.c %D%/script.c %D%/script.h %D%/test_apply.c \
	%D%/test_backup.c \
	%D%/test_challenge.c %D%/test_client.c %D%/test_error.c %D%/test_records.c
check_cloudflare_CPPFLAGS = $(test_cppflags)
check_cloudflare_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_cloudflare_LDADD = libvxt.la libvx_cloudflare.la libvx_zone.la libvx_dns.la libvx_base.la \
	$(CHECK_LIBS) $(JANSSON_LIBS)
