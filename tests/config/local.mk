check_PROGRAMS += check_config
TESTS += check_config
check_config_SOURCES = \
	%D%/check_config.c \
	%D%/test_load.c \
	%D%/test_secrets.c \
	%D%/test_set.c
check_config_CPPFLAGS = $(test_cppflags)
check_config_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_config_LDADD = libvxt.la libvx_config.la libvx_dns.la libvx_mime.la libvx_base.la $(CHECK_LIBS)
