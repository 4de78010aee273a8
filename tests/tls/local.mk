check_PROGRAMS += check_tls
TESTS += check_tls
check_tls_SOURCES = %D%/check_tls.c %D%/test_client.c %D%/test_connection.c %D%/test_follow.c \
	%D%/test_pair.c %D%/test_pairs.c %D%/test_proof.c %D%/pki.c %D%/pki.h %D%/peer.c \
	%D%/peer.h
check_tls_CPPFLAGS = $(test_cppflags)
check_tls_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(GNUTLS_CFLAGS)
check_tls_LDADD = libvxt.la libvx_tls.la libvx_base.la $(GNUTLS_LIBS) $(CHECK_LIBS)
