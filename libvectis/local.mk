# The shared library: every folder up to service/, and the list of what it exports.
libvectis_la_SOURCES = 
libvectis_la_LIBADD = libvx_service.la libvx_auth.la libvx_reports.la libvx_queue.la libvx_directory.la libvx_store.la \
	libvx_config.la libvx_acme.la libvx_http.la libvx_pop3.la libvx_imap.la libvx_diagnose.la libvx_mailauth.la libvx_smtp.la libvx_tls.la libvx_zip.la libvx_sasl.la \
	libvx_cloudflare.la libvx_zone.la libvx_dns.la libvx_mime.la libvx_crypto.la libvx_base.la
libvectis_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -Wl,-Bsymbolic-functions \
	-Wl,--version-script=$(srcdir)/libvectis.map
libvectis_la_DEPENDENCIES = $(libvectis_la_LIBADD) libvectis.map
vxinclude_HEADERS = \
	include/vectis/acl.h \
	include/vectis/acme.h \
	include/vectis/acme_setup.h \
	include/vectis/acme_ways.h \
	include/vectis/address.h \
	include/vectis/api.h \
	include/vectis/arc.h \
	include/vectis/archive.h \
	include/vectis/arena.h \
	include/vectis/auth.h \
	include/vectis/auth_results.h \
	include/vectis/block.h \
	include/vectis/bounce.h \
	include/vectis/buf.h \
	include/vectis/caa.h \
	include/vectis/cloudflare.h \
	include/vectis/config.h \
	include/vectis/crypto.h \
	include/vectis/date.h \
	include/vectis/diagnose.h \
	include/vectis/diagnose_flow.h \
	include/vectis/directory.h \
	include/vectis/dkim.h \
	include/vectis/dkim_keys.h \
	include/vectis/dmarc.h \
	include/vectis/dns.h \
	include/vectis/dns_cache.h \
	include/vectis/dnsbl.h \
	include/vectis/dsn.h \
	include/vectis/err.h \
	include/vectis/fetch.h \
	include/vectis/event.h \
	include/vectis/greylist.h \
	include/vectis/footer.h \
	include/vectis/header.h \
	include/vectis/history.h \
	include/vectis/hold.h \
	include/vectis/http_server.h \
	include/vectis/imap_service.h \
	include/vectis/key.h \
	include/vectis/log.h \
	include/vectis/memory.h \
	include/vectis/message.h \
	include/vectis/metadata.h \
	include/vectis/ownership.h \
	include/vectis/pki.h \
	include/vectis/plain.h \
	include/vectis/network.h \
	include/vectis/pop3_server.h \
	include/vectis/pop3_service.h \
	include/vectis/queue.h \
	include/vectis/refusal.h \
	include/vectis/redact.h \
	include/vectis/relay.h \
	include/vectis/report.h \
	include/vectis/report_sender.h \
	include/vectis/report_store.h \
	include/vectis/reverse.h \
	include/vectis/route.h \
	include/vectis/sasl.h \
	include/vectis/search.h \
	include/vectis/sevenbit.h \
	include/vectis/sender.h \
	include/vectis/sending.h \
	include/vectis/service.h \
	include/vectis/slice.h \
	include/vectis/smtp_client.h \
	include/vectis/smtp_server.h \
	include/vectis/smtp_service.h \
	include/vectis/spf.h \
	include/vectis/srs.h \
	include/vectis/store.h \
	include/vectis/sts.h \
	include/vectis/sts_cache.h \
	include/vectis/tls.h \
	include/vectis/verdict.h \
	include/vectis/verifier.h \
	include/vectis/zone.h
