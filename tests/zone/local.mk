check_PROGRAMS += check_zone
TESTS += check_zone
check_zone_SOURCES = \
	%D%/check_zone.c \
	%D%/test_content.c \
	%D%/test_diff.c \
	%D%/test_persist.c \
	%D%/test_plan.c \
	%D%/test_spf_merge.c \
	%D%/test_tangle.c \
	%D%/test_ttl.c \
	%D%/zone_check.c \
	%D%/zone_check.h
check_zone_CPPFLAGS = $(test_cppflags)
check_zone_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_zone_LDADD = libvxt.la libvx_zone.la libvx_dns.la libvx_base.la $(CHECK_LIBS)
