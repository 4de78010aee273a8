check_PROGRAMS += check_diagnose
TESTS += check_diagnose
check_diagnose_SOURCES = \
	%D%/check_diagnose.c \
	%D%/test_backup.c \
	%D%/test_checklist.c \
	%D%/test_flow.c \
	%D%/test_history.c \
	%D%/test_host.c \
	%D%/test_rows.c \
	%D%/test_server.c \
	%D%/test_state.c
check_diagnose_CPPFLAGS = $(test_cppflags)
check_diagnose_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_diagnose_LDADD = libvxt.la libvx_diagnose.la libvx_mailauth.la libvx_zone.la libvx_smtp.la libvx_dns.la \
	libvx_mime.la libvx_crypto.la libvx_base.la $(CHECK_LIBS)
