noinst_LTLIBRARIES += libvx_tls.la
libvx_tls_la_SOURCES = %D%/certs.c %D%/certs_int.h %D%/client.c %D%/manifest.c %D%/pair.c \
	%D%/proof.c %D%/prune.c %D%/store.c %D%/temporary.c %D%/tls.c %D%/tls_int.h
libvx_tls_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
libvx_tls_la_LIBADD = $(GNUTLS_LIBS)
