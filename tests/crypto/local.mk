check_PROGRAMS += check_crypto
TESTS += check_crypto
check_crypto_SOURCES = %D%/check_crypto.c %D%/test_digest.c %D%/test_key.c %D%/test_password.c \
	%D%/test_pki.c
check_crypto_CPPFLAGS = $(test_cppflags)
check_crypto_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_crypto_LDADD = libvxt.la libvx_crypto.la libvx_base.la $(CHECK_LIBS)
