fuzz_targets += fuzz_report_mail
fuzz_report_mail_SOURCES = %D%/fuzz_report_mail.c
fuzz_report_mail_CPPFLAGS = $(fuzz_cppflags)
fuzz_report_mail_LDFLAGS = $(fuzz_ldflags)
fuzz_report_mail_LDADD = $(fuzz_main) libvx_reports.la libvx_queue.la libvx_directory.la \
	libvx_store.la libvx_mailauth.la libvx_zip.la libvx_dns.la libvx_mime.la \
	libvx_crypto.la libvx_base.la
