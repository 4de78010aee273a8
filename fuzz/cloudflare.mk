fuzz_targets += fuzz_cloudflare
fuzz_cloudflare_SOURCES = %D%/fuzz_cloudflare.c
fuzz_cloudflare_CPPFLAGS = $(fuzz_cppflags)
fuzz_cloudflare_LDFLAGS = $(fuzz_ldflags)
fuzz_cloudflare_LDADD = $(fuzz_main) libvx_cloudflare.la libvx_zone.la libvx_dns.la libvx_base.la \
	$(JANSSON_LIBS)
