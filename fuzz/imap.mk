fuzz_targets += fuzz_imap_frame fuzz_imap_parse fuzz_imap_search fuzz_imap_respond \
	fuzz_imap_service
fuzz_imap_frame_SOURCES = %D%/fuzz_imap_frame.c
fuzz_imap_frame_CPPFLAGS = $(fuzz_cppflags)
fuzz_imap_frame_LDFLAGS = $(fuzz_ldflags)
fuzz_imap_frame_LDADD = $(fuzz_main) libvx_imap.la libvx_mime.la libvx_base.la
fuzz_imap_parse_SOURCES = %D%/fuzz_imap_parse.c
fuzz_imap_parse_CPPFLAGS = $(fuzz_cppflags)
fuzz_imap_parse_LDFLAGS = $(fuzz_ldflags)
fuzz_imap_parse_LDADD = $(fuzz_main) libvx_imap.la libvx_mime.la libvx_base.la
fuzz_imap_search_SOURCES = %D%/fuzz_imap_search.c
fuzz_imap_search_CPPFLAGS = $(fuzz_cppflags)
fuzz_imap_search_LDFLAGS = $(fuzz_ldflags)
fuzz_imap_search_LDADD = $(fuzz_main) libvx_imap.la libvx_mime.la libvx_base.la
fuzz_imap_respond_SOURCES = %D%/fuzz_imap_respond.c
fuzz_imap_respond_CPPFLAGS = $(fuzz_cppflags)
fuzz_imap_respond_LDFLAGS = $(fuzz_ldflags)
fuzz_imap_respond_LDADD = $(fuzz_main) libvx_imap.la libvx_mime.la libvx_base.la
fuzz_imap_service_SOURCES = %D%/fuzz_imap_service.c tests/service/host.c
fuzz_imap_service_CPPFLAGS = $(fuzz_cppflags) -I$(srcdir)/tests/service
fuzz_imap_service_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
fuzz_imap_service_LDFLAGS = $(fuzz_ldflags)
fuzz_imap_service_LDADD = $(fuzz_main) libvx_service.la libvx_auth.la libvx_directory.la \
	libvx_store.la libvx_imap.la libvx_pop3.la libvx_smtp.la libvx_zip.la libvx_sasl.la \
	libvx_mime.la libvx_crypto.la libvx_base.la $(ZLIB_LIBS)
