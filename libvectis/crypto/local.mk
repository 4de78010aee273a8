noinst_LTLIBRARIES += libvx_crypto.la
libvx_crypto_la_SOURCES = \
	%D%/crypto.c \
	%D%/key.c \
	%D%/password.c \
	%D%/pem.c \
	%D%/pem.h \
	%D%/pki.c \
	%D%/pki.h \
	%D%/pki_cert.c \
	%D%/rsa.c \
	%D%/rsa.h
libvx_crypto_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS) $(NETTLE_CFLAGS) $(CRYPT_CFLAGS) \
	$(ARGON2_CFLAGS)
libvx_crypto_la_LIBADD = $(GNUTLS_LIBS) $(NETTLE_LIBS) $(CRYPT_LIBS) $(ARGON2_LIBS)
