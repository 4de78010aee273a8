fuzz_targets += fuzz_acme
fuzz_acme_SOURCES = %D%/fuzz_acme.c
fuzz_acme_CPPFLAGS = $(fuzz_cppflags)
fuzz_acme_LDFLAGS = $(fuzz_ldflags)
fuzz_acme_LDADD = $(fuzz_main) libvx_acme.la libvx_dns.la libvx_mime.la libvx_crypto.la libvx_base.la
