fuzz_targets += fuzz_config
fuzz_config_SOURCES = %D%/fuzz_config.c
fuzz_config_CPPFLAGS = $(fuzz_cppflags)
fuzz_config_LDFLAGS = $(fuzz_ldflags)
fuzz_config_LDADD = $(fuzz_main) libvx_config.la libvx_dns.la libvx_mime.la libvx_base.la
