# A target is fuzz/NAME.c with LLVMFuzzerTestOneInput and a corpus in fuzz/corpus/NAME/.
# With --enable-fuzzing it is a libFuzzer program; otherwise replay.c is its main and
# make check runs it over its corpus.
fuzz_cppflags = $(AM_CPPFLAGS)
if FUZZING
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
fuzz_main = libvxf.la
fuzz_ldflags = $(AM_LDFLAGS)
endif
noinst_LTLIBRARIES += libvxf.la
libvxf_la_SOURCES = fuzz/replay.c
fuzz_targets =
check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += fuzz/corpus fuzz/replay-corpus
TESTS += fuzz/replay-corpus
fuzzers: $(fuzz_targets)
.PHONY: fuzzers

include fuzz/base.mk
include fuzz/acme.mk
include fuzz/dns.mk
include fuzz/http.mk
include fuzz/cloudflare.mk
include fuzz/diagnose.mk
include fuzz/mime.mk
include fuzz/subject.mk
include fuzz/sasl.mk
include fuzz/tls.mk
include fuzz/zip.mk
include fuzz/mailauth.mk
include fuzz/dkim.mk
include fuzz/smtp.mk
include fuzz/dmarc.mk
include fuzz/imap.mk
include fuzz/pop3.mk
include fuzz/config.mk
include fuzz/store.mk
include fuzz/directory.mk
include fuzz/reports.mk
