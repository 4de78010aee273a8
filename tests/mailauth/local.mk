check_PROGRAMS += check_mailauth
TESTS += check_mailauth
check_mailauth_SOURCES = \
	%D%/check_mailauth.c \
	%D%/mail.c \
	%D%/mail.h \
	%D%/spf_check.c \
	%D%/spf_check.h \
	%D%/test_arc.c \
	%D%/test_arc_suite.c \
	%D%/test_auth_results.c \
	%D%/test_canon.c \
	%D%/test_dkim_corpus.c \
	%D%/test_dkim_sign.c \
	%D%/test_dkim_verify.c \
	%D%/test_dmarc.c \
	%D%/test_dmarc_destination.c \
	%D%/test_dmarc_from.c \
	%D%/test_dmarc_record.c \
	%D%/test_report.c \
	%D%/test_report_tls.c \
	%D%/test_reverse.c \
	%D%/test_spf.c \
	%D%/test_spf_field.c \
	%D%/test_spf_limits.c \
	%D%/test_spf_macro.c \
	%D%/test_spf_suite.c \
	%D%/test_srs.c \
	%D%/test_tags.c \
	%D%/test_verdict.c
check_mailauth_CPPFLAGS = $(test_cppflags)
check_mailauth_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(NETTLE_CFLAGS)
check_mailauth_LDADD = libvxt.la libvx_mailauth.la libvx_dns.la libvx_mime.la libvx_crypto.la \
	libvx_base.la $(NETTLE_LIBS) $(CHECK_LIBS)
