fuzz_targets += fuzz_spf
fuzz_spf_SOURCES = %D%/fuzz_spf.c
fuzz_spf_CPPFLAGS = $(fuzz_cppflags)
fuzz_spf_LDFLAGS = $(fuzz_ldflags)
fuzz_spf_LDADD = $(fuzz_main) libvx_mailauth.la libvx_dns.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
