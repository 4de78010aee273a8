fuzz_targets += fuzz_route
fuzz_route_SOURCES = %D%/fuzz_route.c
fuzz_route_CPPFLAGS = $(fuzz_cppflags)
fuzz_route_LDFLAGS = $(fuzz_ldflags)
fuzz_route_LDADD = $(fuzz_main) libvx_smtp.la libvx_dns.la libvx_base.la
fuzz_targets += fuzz_sender
fuzz_sender_SOURCES = %D%/fuzz_sender.c tests/service/world.c
fuzz_sender_CPPFLAGS = $(fuzz_cppflags) -I$(srcdir)/tests
fuzz_sender_LDFLAGS = $(fuzz_ldflags)
fuzz_sender_LDADD = $(fuzz_main) $(libvectis_la_LIBADD)
fuzz_targets += fuzz_smtp_client
fuzz_smtp_client_SOURCES = %D%/fuzz_smtp_client.c
fuzz_smtp_client_CPPFLAGS = $(fuzz_cppflags)
fuzz_smtp_client_LDFLAGS = $(fuzz_ldflags)
fuzz_smtp_client_LDADD = $(fuzz_main) libvx_smtp.la libvx_sasl.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
fuzz_targets += fuzz_smtp_server
fuzz_smtp_server_SOURCES = %D%/fuzz_smtp_server.c
fuzz_smtp_server_CPPFLAGS = $(fuzz_cppflags)
fuzz_smtp_server_LDFLAGS = $(fuzz_ldflags)
fuzz_smtp_server_LDADD = $(fuzz_main) libvx_smtp.la libvx_sasl.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
fuzz_targets += fuzz_smtp_service
fuzz_smtp_service_SOURCES = %D%/fuzz_smtp_service.c tests/service/world.c
fuzz_smtp_service_CPPFLAGS = $(fuzz_cppflags) -I$(srcdir)/tests
fuzz_smtp_service_LDFLAGS = $(fuzz_ldflags)
fuzz_smtp_service_LDADD = $(fuzz_main) $(libvectis_la_LIBADD)
