fuzz_targets += fuzz_tls_manifest
fuzz_tls_manifest_SOURCES = %D%/fuzz_tls_manifest.c
fuzz_tls_manifest_CPPFLAGS = $(fuzz_cppflags)
fuzz_tls_manifest_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
fuzz_tls_manifest_LDFLAGS = $(fuzz_ldflags)
fuzz_tls_manifest_LDADD = $(fuzz_main) libvx_tls.la libvx_base.la $(GNUTLS_LIBS)
