fuzz_targets += fuzz_dns
fuzz_dns_SOURCES = %D%/fuzz_dns.c
fuzz_dns_CPPFLAGS = $(fuzz_cppflags)
fuzz_dns_LDFLAGS = $(fuzz_ldflags)
fuzz_dns_LDADD = $(fuzz_main) libvx_dns.la libvx_base.la
