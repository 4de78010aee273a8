# world.c is linked by fuzz targets too
service_test_libs = libvxt.la $(libvectis_la_LIBADD)
check_PROGRAMS += check_smtp_service
TESTS += check_smtp_service
check_smtp_service_SOURCES = \
	%D%/check_smtp_service.c \
	%D%/test_claim.c \
	%D%/test_deadlines.c \
	%D%/test_inquiry.c \
	%D%/test_own_bounce.c \
	%D%/test_policy.c \
	%D%/test_sender_reports.c \
	%D%/test_sender_sts.c \
	%D%/test_smuggling.c \
	%D%/test_tls_results.c \
	%D%/test_unverified.c \
	%D%/test_verifier.c \
	%D%/transcript.c \
	%D%/transcript.h \
	%D%/world.c \
	%D%/world.h
check_smtp_service_CPPFLAGS = $(test_cppflags)
check_smtp_service_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_smtp_service_LDADD = $(service_test_libs) $(CHECK_LIBS)
EXTRA_DIST += tests/data/smtp_service
check_PROGRAMS += check_pop3_service
TESTS += check_pop3_service
check_pop3_service_SOURCES = %D%/check_pop3_service.c %D%/transcript.c %D%/world.c
check_pop3_service_CPPFLAGS = $(test_cppflags)
check_pop3_service_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_pop3_service_LDADD = $(service_test_libs) $(CHECK_LIBS)
EXTRA_DIST += tests/data/pop3_service
# Real sessions over a real store, without sockets; whole conversations as data files.
check_PROGRAMS += check_imap_service
TESTS += check_imap_service
check_imap_service_SOURCES = \
	%D%/check_imap_service.c \
	%D%/host.c \
	%D%/host.h \
	%D%/imap_play.c \
	%D%/imap_play.h \
	%D%/test_limits.c \
	%D%/test_progress.c \
	%D%/test_qresync.c \
	%D%/test_sharing.c \
	%D%/test_sort.c \
	%D%/test_transcripts.c
check_imap_service_CPPFLAGS = $(test_cppflags) -I$(srcdir)/%D%
check_imap_service_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(ZLIB_CFLAGS)
check_imap_service_LDADD = $(service_test_libs) $(CHECK_LIBS) $(ZLIB_LIBS)
EXTRA_DIST += tests/data/sender_reports
# what our reports are is asked of a reader that is not ours
TESTS += %D%/test_report_files.py
EXTRA_DIST += %D%/test_report_files.py
