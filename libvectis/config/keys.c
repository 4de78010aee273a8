/* The table of keys, and their values. */
#include "config/keys.h"

#include "base/chars.h"
#include "base/encode.h"
#include "vectis/address.h"
#include "vectis/dns.h"
#include "vectis/dnsbl.h"
#include "vectis/network.h"

#include <arpa/inet.h>
#include <stddef.h>

static const char level_words[] = "error|warn|info|debug";
static const uint64_t level_numbers[] = { VX_LOG_ERROR, VX_LOG_WARN, VX_LOG_INFO,
	VX_LOG_DEBUG };

#define FIELD(name) offsetof(struct vx_config, name)
#define KEY(path, type_text, standard, help, daemons, ...)                               \
	{                                                                                \
		{ path, type_text, standard, help, daemons }, __VA_ARGS__                \
	}
#define ALL "smtpd imapd pop3d acmed"
#define MAIL "smtpd imapd pop3d"

static const struct vx_key keys[] = {
	KEY("hostname", "text", "", "The name by which this server is known.", ALL,
	    VX_KEY_HOSTNAME, FIELD(hostname), 0, 0, NULL),
	KEY("state_dir", "text", VX_STATEDIR, "Mail, accounts and certificates.", ALL,
	    VX_KEY_PATH, FIELD(state_dir), 0, 0, NULL),
	KEY("run_dir", "text", VX_RUNDIR, "Where the daemons say what they do.", ALL,
	    VX_KEY_PATH, FIELD(run_dir), 0, 0, NULL),
	KEY("user", "text", "vectis",
	    "The system user the daemons run as; empty: the one who starts them.", ALL,
	    VX_KEY_TEXT, FIELD(user), 0, 0, NULL),
	KEY("workers", "number", "0",
	    "Worker processes of a daemon; 0: the cores, at most 4.", MAIL, VX_KEY_NUMBER,
	    FIELD(workers), 0, 64, NULL),
	KEY("logging.level", "error, warn, info or debug", "info",
	    "Less important lines are left out.", ALL, VX_KEY_WORD, FIELD(log_level), 0,
	    0, level_words),
	KEY("tls.provider", "letsencrypt, custom or self-signed", "letsencrypt",
	    "Where the certificate comes from.", "acmed", VX_KEY_WORD,
	    FIELD(tls_provider), 0, 0, "letsencrypt|custom|self-signed"),
	KEY("tls.cert_path", "text", VX_SYSCONFDIR "/certs/fullchain.pem",
	    "With provider custom: the certificate and its issuers, PEM.", "acmed",
	    VX_KEY_PATH, FIELD(tls_cert_path), 0, 0, NULL),
	KEY("tls.key_path", "text", VX_SYSCONFDIR "/certs/privkey.pem",
	    "With provider custom: the private key, PEM, mode 0600.", "acmed",
	    VX_KEY_PATH, FIELD(tls_key_path), 0, 0, NULL),
	KEY("tls.minimum", "1.0, 1.1, 1.2 or 1.3", "1.2",
	    "The oldest version of TLS that is spoken.", MAIL, VX_KEY_WORD,
	    FIELD(tls_minimum), 0, 0, "1.0|1.1|1.2|1.3"),
	KEY("tls.email", "text", "",
	    "With provider letsencrypt: whom the authority writes to. Nothing is ordered "
	    "without it.",
	    "acmed", VX_KEY_EMAIL, FIELD(tls_email), 0, 0, NULL),
	KEY("tls.names", "list of names", "[]",
	    "More names for the certificate of hostname.", "acmed", VX_KEY_NAMES,
	    FIELD(tls_names), 0, 0, NULL),
	KEY("tls.certificates", "list of a word and names", "[]",
	    "More certificates, each for clients that ask for one of its names.", "acmed",
	    VX_KEY_CERTIFICATES, FIELD(tls_certificates), 0, 0, NULL),
	KEY("tls.key_type", "both, ecdsa or rsa", "both",
	    "The kinds of the certificates' keys; both: each client gets what it can "
	    "check.",
	    "acmed", VX_KEY_WORD, FIELD(tls_key_type), 0, 0, "both|ecdsa|rsa"),
	KEY("tls.key_days", "number", "0",
	    "A renewal after so many days takes the next key; 0: when that is asked for.",
	    "acmed", VX_KEY_NUMBER, FIELD(tls_key_days), 0, 3650, NULL),
	KEY("tls.dane", "manual or cloudflare", "manual",
	    "Who sets the TLSA records of port 25, where the zone is signed.", "acmed",
	    VX_KEY_WORD, FIELD(tls_dane), 0, 0, "manual|cloudflare"),
	KEY("tls.dns_challenge", "none or cloudflare", "none",
	    "Prove names by records of the DNS, and not by port 80.", "acmed",
	    VX_KEY_WORD, FIELD(tls_dns_challenge), 0, 0, "none|cloudflare"),
	KEY("acme.directories", "list of URLs", "[]",
	    "Authorities that issue certificates, the preferred one first; none: Let's "
	    "Encrypt.",
	    "acmed", VX_KEY_URLS, FIELD(acme_directories), 0, 0, NULL),
	KEY("acme.profile", "text", "",
	    "The profile that is ordered; empty: tlsserver where there is one.", "acmed",
	    VX_KEY_TEXT, FIELD(acme_profile), 0, 0, NULL),
	KEY("acme.chain", "text", "",
	    "The root, by its common name, that a chain shall lead to; empty: any.",
	    "acmed", VX_KEY_TEXT, FIELD(acme_chain), 0, 0, NULL),
	KEY("http.listen", "list of address:port", "[\"0.0.0.0:80\", \"[::]:80\"]",
	    "Where acmed proves names, and sends all else to https.", "acmed",
	    VX_KEY_LISTEN, FIELD(http_listen), 0, 0, NULL),
	KEY("http.public_port", "number", "80",
	    "The port by which others reach http.listen.", "acmed", VX_KEY_NUMBER,
	    FIELD(http_public_port), 1, 65535, NULL),
	KEY("acme.alpn_listen", "list of address:port", "[]",
	    "Where acmed proves names by TLS: authorities ask port 443.", "acmed",
	    VX_KEY_LISTEN, FIELD(acme_alpn_listen), 0, 0, NULL),
	KEY("acme.alpn_port", "number", "443",
	    "The port by which others reach acme.alpn_listen.", "acmed", VX_KEY_NUMBER,
	    FIELD(acme_alpn_port), 1, 65535, NULL),
	KEY("acme.preflight", "yes or no", "yes",
	    "Before an order, see whether the authority will be answered and may issue.",
	    "acmed", VX_KEY_YES_NO, FIELD(acme_preflight), 0, 0, NULL),
	KEY("tls.authorities", "text", "",
	    "Authorities that certificates of other servers are checked with, PEM; "
	    "empty: "
	    "the system's.",
	    "smtpd acmed", VX_KEY_TEXT, FIELD(tls_authorities), 0, 0, NULL),
	KEY("dns.upstream", "list of addresses", "[]",
	    "Resolvers that are asked; none: the name servers themselves.", "smtpd",
	    VX_KEY_RESOLVERS, FIELD(dns_upstream), 0, 0, NULL),
	KEY("dns.zones", "list of zone and address", "[]",
	    "Zones that a server of their own is asked for.", "smtpd", VX_KEY_ZONES,
	    FIELD(dns_zones), 0, 0, NULL),
	KEY("dns.trust_anchor", "text", "/usr/share/dns/root.key",
	    "The keys of the root, or of another zone, that DNSSEC begins with.", "smtpd",
	    VX_KEY_PATH, FIELD(dns_trust_anchor), 0, 0, NULL),
	KEY("dns.addresses", "list of addresses", "[]",
	    "Public addresses of this server; none: those of its interfaces.",
	    "vectisctl", VX_KEY_ADDRESSES, FIELD(dns_addresses), 0, 0, NULL),
	KEY("dns.admin_host", "text", "",
	    "A second name of this server, for browsers, which Cloudflare proxies; "
	    "empty: none.",
	    "acmed", VX_KEY_HOST, FIELD(dns_admin_host), 0, 0, NULL),
	KEY("check.resolvers", "list of addresses", "[\"1.1.1.1\", \"8.8.8.8\"]",
	    "Resolvers of others, which domain check compares what the DNS says with.",
	    "vectisctl", VX_KEY_RESOLVERS, FIELD(check_resolvers), 0, 0, NULL),
	KEY("check.system_resolvers", "list of addresses", "[]",
	    "Resolvers that other programs of this host use; none: those of "
	    "/etc/resolv.conf.",
	    "vectisctl", VX_KEY_RESOLVERS, FIELD(check_system_resolvers), 0, 0, NULL),
	KEY("check.https_port", "number", "443",
	    "Where domain check looks for web servers; 0: it does not.", "vectisctl",
	    VX_KEY_NUMBER, FIELD(check_https_port), 0, 65535, NULL),
	KEY("cloudflare.api", "text", "https://api.cloudflare.com/client/v4",
	    "Where Cloudflare's API is.", "acmed vectisctl", VX_KEY_TEXT,
	    FIELD(cloudflare_api), 0, 0, NULL),
	KEY("smtp.listen", "list of address:port", "[\"0.0.0.0:25\", \"[::]:25\"]",
	    "Where mail from other servers is received.", "smtpd", VX_KEY_LISTEN,
	    FIELD(smtp_listen), 0, 0, NULL),
	KEY("submission.listen", "list of address:port",
	    "[\"0.0.0.0:587\", \"[::]:587\"]", "Where users send from, with STARTTLS.",
	    "smtpd", VX_KEY_LISTEN, FIELD(submission_listen), 0, 0, NULL),
	KEY("submissions.listen", "list of address:port",
	    "[\"0.0.0.0:465\", \"[::]:465\"]",
	    "Where users send from, TLS from the first octet.", "smtpd", VX_KEY_LISTEN,
	    FIELD(submissions_listen), 0, 0, NULL),
	KEY("imaps.listen", "list of address:port", "[\"0.0.0.0:993\", \"[::]:993\"]",
	    "Where IMAP is served.", "imapd", VX_KEY_LISTEN, FIELD(imaps_listen), 0, 0,
	    NULL),
	KEY("pop3s.listen", "list of address:port", "[\"0.0.0.0:995\", \"[::]:995\"]",
	    "Where POP3 is served.", "pop3d", VX_KEY_LISTEN, FIELD(pop3s_listen), 0, 0,
	    NULL),
	KEY("smtp.banner", "text", "ESMTP", "What follows the host name in the greeting.",
	    "smtpd", VX_KEY_TEXT, FIELD(smtp_banner), 0, 0, NULL),
	KEY("smtp.message_size_limit", "number", "52428800",
	    "Octets of the largest message.", "smtpd imapd", VX_KEY_NUMBER,
	    FIELD(message_octets_max), 65536, (uint64_t)2 << 30, NULL),
	KEY("smtp.max_recipients", "number", "1000", "Recipients of one message.",
	    "smtpd", VX_KEY_NUMBER, FIELD(smtp_recipients_max), 100, 10000, NULL),
	KEY("smtp.max_received", "number", "50",
	    "Received fields from which on it is a loop.", "smtpd", VX_KEY_NUMBER,
	    FIELD(smtp_received_max), 25, 200, NULL),
	KEY("smtp.subaddress_delimiter", "one character or nothing", "+",
	    "user+tag is delivered to user.", "smtpd", VX_KEY_CHARACTER,
	    FIELD(subaddress_delimiter), 0, 0, NULL),
	KEY("smtp.trusted_networks", "list of networks", "[\"127.0.0.1\", \"::1\"]",
	    "Whose mail is taken as it is, without any check.", "smtpd", VX_KEY_NETWORKS,
	    FIELD(smtp_trusted), 0, 0, NULL),
	KEY("smtp.blocklists", "list of zone, weight and codes", "[\"zen.spamhaus.org\"]",
	    "Lists of addresses in the DNS.", "smtpd", VX_KEY_BLOCKLISTS,
	    FIELD(smtp_blocklists), 0, 0, NULL),
	KEY("smtp.refuse_score", "number", "10",
	    "What speaks against a client, from which on it is refused; 0: never.",
	    "smtpd", VX_KEY_NUMBER, FIELD(smtp_refuse_score), 0, 1000, NULL),
	KEY("smtp.connections_per_minute", "number", "300",
	    "Connections from one IPv4 address or IPv6 /64; 0: any number.", "smtpd",
	    VX_KEY_NUMBER, FIELD(smtp_connections_minute), 0, 1000000, NULL),
	KEY("smtp.messages_per_minute", "number", "1000", "Messages from there.", "smtpd",
	    VX_KEY_NUMBER, FIELD(smtp_messages_minute), 0, 1000000, NULL),
	KEY("smtp.recipients_per_minute", "number", "5000", "Recipients from there.",
	    "smtpd", VX_KEY_NUMBER, FIELD(smtp_recipients_minute), 0, 10000000, NULL),
	KEY("smtp.greylist", "yes or no", "no", "Ask strangers to come back later.",
	    "smtpd", VX_KEY_YES_NO, FIELD(smtp_greylist), 0, 0, NULL),
	KEY("smtp.greylist_seconds", "number", "300", "How much later.", "smtpd",
	    VX_KEY_NUMBER, FIELD(smtp_greylist_s), 1, 86400, NULL),
	KEY("authentication.verify", "yes or no", "yes",
	    "Check the client, SPF, DKIM, ARC and DMARC of mail from other servers.",
	    "smtpd", VX_KEY_YES_NO, FIELD(mailauth_verify), 0, 0, NULL),
	KEY("authentication.dmarc", "enforce, quarantine or record", "enforce",
	    "What is done when an author is not proved.", "smtpd", VX_KEY_WORD,
	    FIELD(mailauth_dmarc), 0, 0, "enforce|quarantine|record"),
	KEY("authentication.spf_fail", "score or refuse", "score",
	    "Whether a fail of SPF is enough to refuse a message.", "smtpd", VX_KEY_WORD,
	    FIELD(mailauth_spf_fail), 0, 0, "score|refuse"),
	KEY("sending.port", "number", "25", "Port of other servers.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_port), 1, 65535, NULL),
	KEY("sending.sts_port", "number", "443",
	    "Port of the web servers that MTA-STS policies are fetched from.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_sts_port), 1, 65535, NULL),
	KEY("sending.sts_timeout_seconds", "number", "60",
	    "How long a policy may take, while the mail for it waits.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_sts_s), 1, 300, NULL),
	KEY("sending.connections", "number", "200",
	    "Connections to other servers at once.", "smtpd", VX_KEY_NUMBER,
	    FIELD(sending_connections), 1, 10000, NULL),
	KEY("sending.connections_per_destination", "number", "20",
	    "Of these for one domain.", "smtpd", VX_KEY_NUMBER,
	    FIELD(sending_connections_each), 1, 1000, NULL),
	KEY("sending.messages_per_connection", "number", "100",
	    "Messages until a connection is closed.", "smtpd", VX_KEY_NUMBER,
	    FIELD(sending_messages_each), 1, 100000, NULL),
	KEY("sending.hold_days", "number", "30",
	    "Days that users may have a message wait (FUTURERELEASE); 0: none.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_hold_days), 0, 365, NULL),
	KEY("sending.message_size_limit", "number", "0",
	    "Octets of the largest message that users may send; 0: as of all.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_octets_max), 0, (uint64_t)2 << 30, NULL),
	KEY("sending.mailbox_recipients_per_hour", "number", "0",
	    "To more recipients in an hour a mailbox may not send; 0: any number.",
	    "smtpd vectisctl", VX_KEY_NUMBER, FIELD(sending_mailbox_hour), 0, 1000000,
	    NULL),
	KEY("sending.domain_recipients_per_hour", "number", "0",
	    "The same of all mailboxes of a domain.", "smtpd vectisctl", VX_KEY_NUMBER,
	    FIELD(sending_domain_hour), 0, 1000000, NULL),
	KEY("sending.retry_seconds", "number", "300",
	    "The first wait after a failure; it doubles each time.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_retry_s), 1, 86400, NULL),
	KEY("sending.retry_max_seconds", "number", "14400", "The longest wait.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_retry_max_s), 1, 86400, NULL),
	KEY("sending.warn_hours", "number", "4",
	    "Hours after which a sender is told that it takes long; 0: never.", "smtpd",
	    VX_KEY_NUMBER, FIELD(sending_warn_hours), 0, 240, NULL),
	KEY("sending.expire_hours", "number", "120",
	    "Hours after which a message is given up.", "smtpd", VX_KEY_NUMBER,
	    FIELD(sending_expire_hours), 1, 720, NULL),
	KEY("reports.dmarc", "yes or no", "no",
	    "Send reports to those who ask for them in their DMARC record.", "smtpd",
	    VX_KEY_YES_NO, FIELD(reports_dmarc), 0, 0, NULL),
	KEY("reports.tls", "yes or no", "no",
	    "Send reports about TLS to those who ask for them.", "smtpd", VX_KEY_YES_NO,
	    FIELD(reports_tls), 0, 0, NULL),
	KEY("reports.receive", "yes or no", "yes",
	    "Read reports of others about our domains.", "smtpd", VX_KEY_YES_NO,
	    FIELD(reports_receive), 0, 0, NULL),
	KEY("reports.organization", "text", "", "Who makes our reports; empty: hostname.",
	    "smtpd", VX_KEY_TEXT, FIELD(reports_organization), 0, 0, NULL),
	KEY("reports.email", "text", "",
	    "Their author, of a domain here; empty: postmaster.", "smtpd", VX_KEY_TEXT,
	    FIELD(reports_email), 0, 0, NULL),
	KEY("reports.dmarc_address", "text", "dmarc",
	    "Local part that DMARC reports come to, in each domain.", "smtpd",
	    VX_KEY_TEXT, FIELD(reports_dmarc_address), 0, 0, NULL),
	KEY("reports.tls_address", "text", "tlsrpt", "The same of reports about TLS.",
	    "smtpd", VX_KEY_TEXT, FIELD(reports_tls_address), 0, 0, NULL),
	KEY("limits.connections", "number", "10000", "Connections of a worker at once.",
	    MAIL, VX_KEY_NUMBER, FIELD(connections_max), 10, 1000000, NULL),
	KEY("limits.connections_per_address", "number", "100",
	    "Of these from one IPv4 address or IPv6 /64.", MAIL, VX_KEY_NUMBER,
	    FIELD(connections_per_address), 1, 1000000, NULL),
	KEY("limits.login_seconds", "number", "60", "Time to log in.",
	    "imapd pop3d smtpd", VX_KEY_NUMBER, FIELD(login_s), 5, 600, NULL),
	KEY("imap.idle_seconds", "number", "1800", "Silence after which IMAP hangs up.",
	    "imapd", VX_KEY_NUMBER, FIELD(imap_idle_s), 1800, 86400, NULL),
	KEY("imap.sharing", "yes or no", "yes",
	    "Let users share mailboxes with each other.", "imapd", VX_KEY_YES_NO,
	    FIELD(imap_sharing), 0, 0, NULL),
	KEY("imap.all_mail", "yes or no", "no",
	    "Each account has a mailbox All Mail with all its messages.", "imapd",
	    VX_KEY_YES_NO, FIELD(imap_all_mail), 0, 0, NULL),
	KEY("pop3.idle_seconds", "number", "600", "Silence after which POP3 hangs up.",
	    "pop3d", VX_KEY_NUMBER, FIELD(pop3_idle_s), 600, 86400, NULL),
	KEY("smtp.idle_seconds", "number", "300",
	    "Time for a command, after which SMTP hangs up.", "smtpd", VX_KEY_NUMBER,
	    FIELD(smtp_idle_s), 5, 3600, NULL),
	KEY("smtp.minimum_rate", "number", "500",
	    "Octets a second with which a message has to come; 0: any.", "smtpd",
	    VX_KEY_NUMBER, FIELD(smtp_rate_min), 0, 1000000, NULL),
	KEY("pop3.default_enabled", "yes or no", "no", "New mailboxes may use POP3.",
	    "vectisctl", VX_KEY_YES_NO, FIELD(pop3_default_enabled), 0, 0, NULL),
	KEY("quota.default_mb", "number", "1024",
	    "Quota of new mailboxes in MB; 0: none.", "vectisctl", VX_KEY_NUMBER,
	    FIELD(quota_default_mb), 0, 1000000000, NULL),
	KEY("auth.hash_cost", "number", "0",
	    "Cost of password hashes; 0: crypt's default.", MAIL, VX_KEY_NUMBER,
	    FIELD(auth_hash_cost), 0, 9, NULL),
	KEY("auth.scram_iterations", "number", "15000", "Iterations of SCRAM keys.",
	    "vectisctl", VX_KEY_NUMBER, FIELD(auth_scram_iterations), 4096, 1000000,
	    NULL),
	KEY("auth.cache_seconds", "number", "300", "How long a login is remembered.",
	    MAIL, VX_KEY_NUMBER, FIELD(auth_cache_s), 1, 3600, NULL),
	KEY("store.grace_days", "number", "7",
	    "Days after which deleted mail is really gone.", MAIL, VX_KEY_NUMBER,
	    FIELD(store_grace_days), 1, 365, NULL),
	KEY("store.volume_mb", "number", "4096",
	    "Size at which a volume of mail is sealed.", MAIL, VX_KEY_NUMBER,
	    FIELD(store_volume_mb), 16, 65536, NULL),
	KEY("store.ballast_mb", "number", "64", "Space kept for a full disk.", MAIL,
	    VX_KEY_NUMBER, FIELD(store_ballast_mb), 1, 4096, NULL),
	KEY("search.index", "yes or no", "yes",
	    "Keep an index for searches; no: it is removed.", "imapd", VX_KEY_YES_NO,
	    FIELD(search_index), 0, 0, NULL),
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

const struct vx_key *vx_key_at(size_t index)
{
	return index < KEYS ? &keys[index] : NULL;
}

const struct vx_key *vx_key_find(vx_slice path)
{
	for (size_t i = 0; i < KEYS; i++)
		if (vx_slice_eq(path, vx_slice_str(keys[i].public.path)))
			return &keys[i];
	return NULL;
}

bool vx_key_is_group(vx_slice name)
{
	for (size_t i = 0; i < KEYS; i++) {
		const vx_slice path = vx_slice_str(keys[i].public.path);

		if (vx_slice_has_prefix(path, name) && path.len > name.len &&
		    path.ptr[name.len] == '.')
			return true;
	}
	return false;
}

/* How many single changes make b of a (only for names shorter than 64). */
static size_t distance(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	size_t row[64];

	if (n >= 64 || m >= 64)
		return 64;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			const size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t best = row[j] + 1;

			diagonal = row[j];
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = change < best ? change : best;
		}
	}
	return row[m];
}

const struct vx_key *vx_key_nearest(const char *path)
{
	const struct vx_key *best = &keys[0];
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < KEYS; i++) {
		const size_t d = distance(path, keys[i].public.path);

		if (d < least) {
			least = d;
			best = &keys[i];
		}
	}
	/* a typing error, not another word */
	return least <= 4 && least <= strlen(path) / 3 ? best : NULL;
}

/* --- values ---------------------------------------------------------------------------
 */

static void *field(struct vx_config *c, const struct vx_key *k)
{
	return (char *)c + k->offset;
}

static const void *field_const(const struct vx_config *c, const struct vx_key *k)
{
	return (const char *)c + k->offset;
}

/* 192.0.2.1:25 or [2001:db8::1]:25 */
static int set_listen(vx_slice text, struct vx_listen_list *out)
{
	const size_t colon = vx_slice_rfind(text, ':');
	vx_slice address = vx_slice_head(text, colon);
	struct vx_listen l = { 0 };
	unsigned char octets[16];
	int family = AF_INET;
	uint64_t port;

	if (out->count == VX_CONFIG_LIST_MAX)
		return VX_ELIMIT;
	if (address.len >= 2 && address.ptr[0] == '[' &&
	    address.ptr[address.len - 1] == ']') {
		address = vx_slice_of(address.ptr + 1, address.len - 2);
		family = AF_INET6;
	}
	if (address.len >= sizeof(l.address) ||
	    vx_slice_number(vx_slice_from(text, colon + 1), 65535, &port) != VX_OK ||
	    port == 0)
		return VX_EINVAL;
	memcpy(l.address, address.ptr, address.len);
	if (inet_pton(family, l.address, octets) != 1)
		return VX_EINVAL;
	l.port = (uint16_t)port;
	out->items[out->count++] = l;
	return VX_OK;
}

static bool resolver_ok(vx_slice text)
{
	struct vx_dns_server server;

	return vx_dns_server_parse(text, &server) == VX_OK;
}

static bool address_ok(vx_slice text)
{
	return vx_slice_find(text, '@') == text.len && resolver_ok(text);
}

static bool zone_ok(vx_slice text)
{
	struct vx_dns_server server;
	vx_slice zone;

	return vx_dns_server_parse_zone(text, &zone, &server) == VX_OK;
}

/* A full name in lower case, perhaps with "*." before it. */
static bool name_ok(vx_slice text)
{
	char name[VX_DNS_NAME_MAX + 1];
	const vx_slice host =
	    vx_slice_has_prefix(text, VX_S("*.")) ? vx_slice_from(text, 2) : text;

	return vx_dns_name(host, name) == VX_OK && vx_dns_is_host(name) &&
	       vx_slice_eq(vx_slice_str(name), host) &&
	       vx_slice_find(host, '.') < host.len &&
	       vx_slice_find(host, '_') == host.len;
}

/* "shop mail.shop.net imap.shop.net" */
static bool certificate_ok(vx_slice text)
{
	vx_slice word;

	if (!vx_slice_cut(&text, ' ', &word) || word.len > 40 ||
	    vx_slice_eq(word, VX_S("mail")) || vx_slice_eq(word, VX_S("admin-host")))
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (!vx_is(word.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && word.ptr[i] != '-')
			return false;
	for (bool more = word.len > 0; more;) {
		more = vx_slice_cut(&text, ' ', &word);
		if (!name_ok(word))
			return false;
	}
	return true;
}

static bool url_ok(vx_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' ||
		    strchr("\"\\<>", text.ptr[i]) != NULL)
			return false;
	return vx_slice_has_prefix(text, VX_S("https://")) && text.len > 8 &&
	       text.len <= 1000;
}

static bool email_ok(vx_slice text)
{
	const size_t at = vx_slice_rfind(text, '@');

	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' ||
		    strchr("\"\\<>,?%", text.ptr[i]) != NULL)
			return false;
	return text.len == 0 || (at > 0 && at < text.len && text.len <= 254 &&
				    name_ok(vx_slice_from(text, at + 1)));
}

static bool network_ok(vx_slice text)
{
	struct vx_network n;
	bool exact;

	return vx_network_parse(text, &n, &exact) == VX_OK && exact;
}

static bool blocklist_ok(vx_slice text)
{
	struct vx_dnsbl l;

	return vx_dnsbl_parse(text, &l) == VX_OK;
}

static bool path_ok(vx_slice text)
{
	return text.len > 0 && text.ptr[0] == '/';
}

/* Nothing, or a visible character that is no part of a name and no syntax. */
static bool delimiter_ok(vx_slice text)
{
	return text.len == 0 ||
	       (text.len == 1 && strchr("+-_=#~!%&*/", text.ptr[0]) != NULL);
}

static bool any_ok(vx_slice text)
{
	(void)text;
	return true;
}

/* Types whose values are texts, kept as they are: one, or a list. */
static const struct {
	bool (*is_good)(vx_slice text);
	bool list;
} texts[] = {
	[VX_KEY_TEXT] = { any_ok, false },
	[VX_KEY_PATH] = { path_ok, false },
	[VX_KEY_CHARACTER] = { delimiter_ok, false },
	[VX_KEY_EMAIL] = { email_ok, false },
	[VX_KEY_RESOLVERS] = { resolver_ok, true },
	[VX_KEY_ADDRESSES] = { address_ok, true },
	[VX_KEY_ZONES] = { zone_ok, true },
	[VX_KEY_NETWORKS] = { network_ok, true },
	[VX_KEY_BLOCKLISTS] = { blocklist_ok, true },
	[VX_KEY_NAMES] = { name_ok, true },
	[VX_KEY_CERTIFICATES] = { certificate_ok, true },
	[VX_KEY_URLS] = { url_ok, true },
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

bool vx_key_is_list(const struct vx_key *k)
{
	return k->type == VX_KEY_LISTEN || (k->type < TEXTS && texts[k->type].list);
}

static int set_text(struct vx_config *c, const struct vx_key *k, vx_slice text)
{
	struct vx_text_list *list = field(c, k);

	if (!texts[k->type].is_good(text))
		return VX_EINVAL;
	if (!texts[k->type].list) {
		*(const char **)field(c, k) = text.ptr;
		return VX_OK;
	}
	if (list->count == VX_CONFIG_LIST_MAX)
		return VX_ELIMIT;
	list->items[list->count++] = text.ptr;
	return VX_OK;
}

static int set_word(const struct vx_key *k, vx_slice text, uint64_t *out)
{
	vx_slice rest = vx_slice_str(k->words), word;
	uint64_t n = 0;

	for (bool more = true; more; n++) {
		more = vx_slice_cut(&rest, '|', &word);
		if (vx_slice_eq(word, text)) {
			*out = k->words == level_words ? level_numbers[n] : n;
			return VX_OK;
		}
	}
	return VX_EINVAL;
}

static int set_yes_no(vx_slice text, uint64_t *out)
{
	if (vx_slice_eq(text, VX_S("true")) || vx_slice_eq(text, VX_S("yes")) ||
	    vx_slice_eq(text, VX_S("on")))
		*out = 1;
	else if (vx_slice_eq(text, VX_S("false")) || vx_slice_eq(text, VX_S("no")) ||
		 vx_slice_eq(text, VX_S("off")))
		*out = 0;
	else
		return VX_EINVAL;
	return VX_OK;
}

/* What a template or a manual says must not become the name of a server (SE-14). */
static bool placeholder(vx_slice name)
{
	static const char *const names[] = { "example.com", "example.net", "example.org",
		"your-domain.net" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const vx_slice n = vx_slice_str(names[i]);

		if (vx_slice_eq(name, n) || (vx_slice_has_suffix(name, n) &&
						name.ptr[name.len - n.len - 1] == '.'))
			return true;
	}
	return false;
}

/* A full name, kept as lower-case A-labels: it is sent to peers. */
static int set_hostname(vx_slice text, struct vx_arena *arena, const char **out)
{
	struct vx_buf name = { .max = 256 };
	const char *copy;
	int rc = vx_domain_normalise(text, &name);

	if (rc == VX_OK && (vx_slice_find(vx_buf_slice(&name), '.') >= name.len ||
			       placeholder(vx_buf_slice(&name))))
		rc = VX_EINVAL;
	if (rc == VX_OK) {
		copy = vx_arena_dup(arena, vx_buf_slice(&name));
		if (copy == NULL)
			rc = VX_ELIMIT;
		else
			*out = copy;
	}
	vx_buf_done(&name);
	return rc;
}

bool vx_key_text_ok(vx_slice text)
{
	while (text.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(text, &n);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
		    c == 0xfeff || (c & 0xfffe) == 0xfffe)
			return false;
		text = vx_slice_from(text, n);
	}
	return true;
}

static int set_number(const struct vx_key *k, vx_slice text, uint64_t *out)
{
	uint64_t n;
	const int rc = vx_slice_number(text, k->max, &n);

	if (rc == VX_OK && n < k->min)
		return VX_EINVAL;
	if (rc == VX_OK)
		*out = n;
	return rc;
}

int vx_key_set(
    struct vx_config *c, const struct vx_key *k, vx_slice text, struct vx_arena *arena)
{
	if (!vx_key_text_ok(text))
		return VX_EINVAL;
	if (k->type < TEXTS && texts[k->type].is_good != NULL)
		return set_text(c, k, text);
	switch ((int)k->type) {
	case VX_KEY_NUMBER:
		return set_number(k, text, field(c, k));
	case VX_KEY_YES_NO:
		return set_yes_no(text, field(c, k));
	case VX_KEY_WORD:
		return set_word(k, text, field(c, k));
	case VX_KEY_LISTEN:
		return set_listen(text, field(c, k));
	case VX_KEY_HOST:
		if (text.len > 0)
			return set_hostname(text, arena, field(c, k));
		*(const char **)field(c, k) = "";
		return VX_OK;
	default:
		return set_hostname(text, arena, field(c, k));
	}
}

void vx_key_clear_list(struct vx_config *c, const struct vx_key *k)
{
	if (k->type == VX_KEY_LISTEN)
		((struct vx_listen_list *)field(c, k))->count = 0;
	else
		((struct vx_text_list *)field(c, k))->count = 0;
}

/* ["a", "b"] */
static int set_standard_list(
    struct vx_config *c, const struct vx_key *k, struct vx_arena *arena)
{
	vx_slice rest = vx_slice_str(k->public.standard), item;
	int rc = VX_OK;

	vx_key_clear_list(c, k);
	while (rc == VX_OK && rest.len > 0) {
		const char *text;

		(void)vx_slice_cut(&rest, '"', &item);
		if (!vx_slice_cut(&rest, '"', &item))
			break;
		text = vx_arena_dup(arena, item);
		rc = text == NULL ? VX_ELIMIT
				  : vx_key_set(c, k, vx_slice_of(text, item.len), arena);
	}
	return rc;
}

int vx_key_set_standard(
    struct vx_config *c, const struct vx_key *k, struct vx_arena *arena)
{
	if (vx_key_is_list(k))
		return set_standard_list(c, k, arena);
	if (k->type != VX_KEY_HOSTNAME)
		return vx_key_set(c, k, vx_slice_str(k->public.standard), arena);
	*(const char **)field(c, k) = k->public.standard;
	return VX_OK;
}

static void write_word(const struct vx_key *k, uint64_t n, struct vx_buf *out)
{
	vx_slice rest = vx_slice_str(k->words), word = { 0 };

	if (k->words == level_words)
		n = n == VX_LOG_ERROR  ? 0
		    : n == VX_LOG_WARN ? 1
		    : n == VX_LOG_INFO ? 2
				       : 3;
	for (uint64_t i = 0; i <= n; i++)
		(void)vx_slice_cut(&rest, '|', &word);
	vx_buf_add(out, word);
}

static void write_listen(const struct vx_listen_list *l, struct vx_buf *out)
{
	vx_buf_add_char(out, '[');
	for (size_t n = 0; n < l->count; n++) {
		const bool v6 = strchr(l->items[n].address, ':') != NULL;

		vx_buf_printf(out, "%s\"%s%s%s:%u\"", n > 0 ? ", " : "", v6 ? "[" : "",
		    l->items[n].address, v6 ? "]" : "", l->items[n].port);
	}
	vx_buf_add_char(out, ']');
}

static void write_texts(const struct vx_text_list *l, struct vx_buf *out)
{
	vx_buf_add_char(out, '[');
	for (size_t n = 0; n < l->count; n++)
		vx_buf_printf(out, "%s\"%s\"", n > 0 ? ", " : "", l->items[n]);
	vx_buf_add_char(out, ']');
}

int vx_config_get(const struct vx_config *c, vx_slice path, struct vx_buf *out)
{
	for (size_t i = 0; i < KEYS; i++) {
		const struct vx_key *k = &keys[i];
		const void *f = field_const(c, k);

		if (!vx_slice_eq(path, vx_slice_str(k->public.path)))
			continue;
		if (k->type == VX_KEY_LISTEN) {
			write_listen(f, out);
		} else if (vx_key_is_list(k)) {
			write_texts(f, out);
		} else if (k->type == VX_KEY_NUMBER) {
			vx_buf_add_number(out, *(const uint64_t *)f);
		} else if (k->type == VX_KEY_YES_NO) {
			vx_buf_add_str(out, *(const uint64_t *)f != 0 ? "yes" : "no");
		} else if (k->type == VX_KEY_WORD) {
			write_word(k, *(const uint64_t *)f, out);
		} else {
			vx_buf_add_str(out, *(const char *const *)f);
		}
		return VX_OK;
	}
	return VX_ENOENT;
}
