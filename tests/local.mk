# One test program for each folder; it links that folder and what is below it only.
noinst_LTLIBRARIES += libvxt.la
libvxt_la_SOURCES = tests/lib/vxt.c tests/lib/vxt.h tests/lib/zone.c tests/lib/zone.h
libvxt_la_CPPFLAGS = $(test_cppflags)
libvxt_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
libvxt_la_LIBADD = $(CHECK_LIBS)
test_cppflags = $(AM_CPPFLAGS) -I$(srcdir)/tests -DVXT_DATA='"$(abs_srcdir)/tests/data"'
AM_TESTS_ENVIRONMENT = CK_FORK=no; export CK_FORK; \
	srcdir='$(srcdir)'; export srcdir; builddir='$(builddir)'; export builddir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=1; export ASAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1; export UBSAN_OPTIONS;

include tests/base/local.mk
include tests/crypto/local.mk
include tests/mime/local.mk
include tests/dns/local.mk
include tests/zone/local.mk
include tests/cloudflare/local.mk
include tests/http/local.mk
include tests/sasl/local.mk
include tests/tls/local.mk
include tests/zip/local.mk
include tests/smtp/local.mk
include tests/mailauth/local.mk
include tests/diagnose/local.mk
include tests/imap/local.mk
include tests/acme/local.mk
include tests/pop3/local.mk
include tests/config/local.mk
include tests/store/local.mk
include tests/directory/local.mk
include tests/queue/local.mk
include tests/reports/local.mk
include tests/auth/local.mk
include tests/service/local.mk
include tests/runtime/local.mk
include tests/vectisctl/local.mk
include tests/daemons/local.mk

# The programs without daemons and clients, for those who build packages.
check-units: $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(filter check_%,$(TESTS))'
.PHONY: check-units
