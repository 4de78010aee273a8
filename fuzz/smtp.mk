fuzz_targets += fuzz_smtp_server
fuzz_smtp_server_SOURCES = %D%/fuzz_smtp_server.c
fuzz_smtp_server_CPPFLAGS = $(fuzz_cppflags)
fuzz_smtp_server_LDFLAGS = $(fuzz_ldflags)
fuzz_smtp_server_LDADD = $(fuzz_main) libvx_smtp.la libvx_sasl.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
