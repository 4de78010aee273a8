check_PROGRAMS += check_auth
TESTS += check_auth
check_auth_SOURCES = \
	%D%/check_auth.c \
	%D%/fixture.c \
	%D%/fixture.h \
	%D%/test_check.c \
	%D%/test_refused.c \
	%D%/test_throttle.c
check_auth_CPPFLAGS = $(test_cppflags)
check_auth_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_auth_LDADD = libvxt.la libvx_auth.la libvx_directory.la libvx_store.la libvx_sasl.la \
	libvx_mime.la libvx_crypto.la libvx_base.la $(CHECK_LIBS)
