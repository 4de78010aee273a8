fuzz_targets += fuzz_pop3_server
fuzz_pop3_server_SOURCES = %D%/fuzz_pop3_server.c
fuzz_pop3_server_CPPFLAGS = $(fuzz_cppflags)
fuzz_pop3_server_LDFLAGS = $(fuzz_ldflags)
fuzz_pop3_server_LDADD = $(fuzz_main) libvx_pop3.la libvx_sasl.la libvx_crypto.la libvx_base.la
fuzz_targets += fuzz_pop3_service
fuzz_pop3_service_SOURCES = %D%/fuzz_pop3_service.c tests/service/world.c
fuzz_pop3_service_CPPFLAGS = $(fuzz_cppflags) -I$(srcdir)/tests
fuzz_pop3_service_LDFLAGS = $(fuzz_ldflags)
fuzz_pop3_service_LDADD = $(fuzz_main) libvx_service.la libvx_auth.la \
	libvx_directory.la libvx_store.la libvx_pop3.la libvx_imap.la libvx_smtp.la \
	libvx_sasl.la libvx_mime.la libvx_crypto.la libvx_base.la
