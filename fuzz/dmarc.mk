fuzz_targets += fuzz_dmarc
fuzz_dmarc_SOURCES = %D%/fuzz_dmarc.c
fuzz_dmarc_CPPFLAGS = $(fuzz_cppflags)
fuzz_dmarc_LDFLAGS = $(fuzz_ldflags)
fuzz_dmarc_LDADD = $(fuzz_main) libvx_mailauth.la libvx_dns.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
fuzz_targets += fuzz_auth_results
fuzz_auth_results_SOURCES = %D%/fuzz_auth_results.c
fuzz_auth_results_CPPFLAGS = $(fuzz_cppflags)
fuzz_auth_results_LDFLAGS = $(fuzz_ldflags)
fuzz_auth_results_LDADD = $(fuzz_main) libvx_mailauth.la libvx_dns.la libvx_mime.la \
	libvx_crypto.la libvx_base.la
fuzz_targets += fuzz_srs
fuzz_srs_SOURCES = %D%/fuzz_srs.c
fuzz_srs_CPPFLAGS = $(fuzz_cppflags)
fuzz_srs_LDFLAGS = $(fuzz_ldflags)
fuzz_srs_LDADD = $(fuzz_main) libvx_mailauth.la libvx_dns.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
fuzz_targets += fuzz_report
fuzz_report_SOURCES = %D%/fuzz_report.c
fuzz_report_CPPFLAGS = $(fuzz_cppflags)
fuzz_report_LDFLAGS = $(fuzz_ldflags)
fuzz_report_LDADD = $(fuzz_main) libvx_mailauth.la libvx_dns.la libvx_mime.la \
	libvx_crypto.la libvx_base.la
