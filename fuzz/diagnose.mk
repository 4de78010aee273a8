fuzz_targets += fuzz_diagnose
fuzz_diagnose_SOURCES = %D%/dns_input.h %D%/fuzz_diagnose.c
fuzz_diagnose_CPPFLAGS = $(fuzz_cppflags)
fuzz_diagnose_LDFLAGS = $(fuzz_ldflags)
fuzz_diagnose_LDADD = $(fuzz_main) libvx_diagnose.la libvx_mailauth.la libvx_zone.la libvx_smtp.la libvx_dns.la \
	libvx_mime.la libvx_crypto.la libvx_base.la
fuzz_targets += fuzz_history
fuzz_history_SOURCES = %D%/fuzz_history.c
fuzz_history_CPPFLAGS = $(fuzz_cppflags)
fuzz_history_LDFLAGS = $(fuzz_ldflags)
fuzz_history_LDADD = $(fuzz_main) libvx_diagnose.la libvx_mailauth.la libvx_zone.la libvx_smtp.la libvx_dns.la \
	libvx_mime.la libvx_crypto.la libvx_base.la
