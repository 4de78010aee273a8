fuzz_targets += fuzz_pop3_server
fuzz_pop3_server_SOURCES = %D%/fuzz_pop3_server.c
fuzz_pop3_server_CPPFLAGS = $(fuzz_cppflags)
fuzz_pop3_server_LDFLAGS = $(fuzz_ldflags)
fuzz_pop3_server_LDADD = $(fuzz_main) libvx_pop3.la libvx_sasl.la libvx_crypto.la libvx_base.la
