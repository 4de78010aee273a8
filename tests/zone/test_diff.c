#include "zone/zone_check.h"

#include <stdlib.h>

#define SPF "v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all"
#define DMARC "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.net; fo=1"
/* what the plain wish comes to */
#define HOST4 "mail.example.net A 192.0.2.1 | vectis:host\n"
#define HOST6 "mail.example.net AAAA 2001:db8::1 | vectis:host\n"
#define MX "example.net MX 10 mail.example.net | vectis:mx\n"
#define TXT "example.net TXT " SPF " | vectis:spf\n"
#define POLICY "_dmarc.example.net TXT " DMARC " | vectis:dmarc\n"
#define HOST HOST4 HOST6
#define REST MX TXT POLICY
#define ALL HOST REST
#define OWNER "vectis-verify=0123"

enum wish {
	PLAIN,
	AUTOCONFIG,
	BACKUP,
	KEYS,
	SERVICES,
	FORMER,
	SPARE,
	HOST_ONLY,
	OWNED,
	TLSA,
	PROOFS,
	SERVER,      /* of several that the domain has, with a host for the web */
	MERGED,      /* the backup was merged into somebody else's SPF record */
	MERGED_SPARE /* and is still declared */
};

static const struct vx_zone_dkim key = { "202611", "v=DKIM1; k=rsa; p=AAAA" };
static const char hash[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char *const hashes[] = { hash };
static const struct vx_zone_authority authority = { "ca.example", NULL, NULL, true };

#define ACCOUNT "https://ca.example/a/1"
#define WILD "ca.example; accounturi=" ACCOUNT "; policy=wildcard"
#define NAME "ca.example; accounturi=" ACCOUNT
static const struct vx_zone_proof proofs[] = {
	{ "mail.example.net", "ca.example", ACCOUNT, true },
	{ "imap.example.net", "ca.example", ACCOUNT, false },
	{ "mail.example.org", "ca.example", ACCOUNT, false }, /* another zone's affair */
};

static struct vx_zone_wish wish(enum wish kind)
{
	struct vx_zone_wish w = zone_check_wish();

	w.autoconfig = kind == AUTOCONFIG;
	w.backup = kind == BACKUP ? VX_ZONE_BACKUP_CLOUDFLARE : VX_ZONE_BACKUP_NONE;
	w.host_only = kind == HOST_ONLY;
	w.verify = kind == OWNED ? OWNER : NULL;
	if (kind == TLSA) {
		w.tlsa_only = true;
		w.domain = "mail.example.net";
		w.zone = "example.net";
		w.tlsa = hashes;
		w.tlsa_count = 1;
	}
	if (kind == SPARE) {
		w.backup = VX_ZONE_BACKUP_HOST;
		w.backup_host = "Spare.Example.Org";
	}
	if (kind == KEYS) {
		w.dkim = &key;
		w.dkim_count = 1;
		w.tlsa = hashes;
		w.tlsa_count = 1;
		w.authorities = &authority;
		w.authority_count = 1;
		w.tls_rua = "tls@example.net";
	}
	if (kind == SERVER) {
		w.install = "3fa9c2";
		w.dkim = &key;
		w.dkim_count = 1;
		w.admin_host = "Admin.Example.Net.";
	}
	if (kind == PROOFS) {
		w.proofs = proofs;
		w.proof_count = 3;
	}
	if (kind == MERGED || kind == MERGED_SPARE)
		w.spf_merged = "ip4:192.0.2.1 ip6:2001:db8::1 +a:spare.example.org";
	if (kind == MERGED_SPARE) {
		w.backup = VX_ZONE_BACKUP_HOST;
		w.backup_host = "spare.example.org";
	}
	if (kind == SERVICES)
		w.services = VX_ZONE_IMAPS;
	if (kind == FORMER)
		w.former = "old.example.net";
	return w;
}

static const struct {
	const char *have;
	enum wish wish;
	unsigned flags;
	const char *want;
} rows[] = {
	{ "", PLAIN, 0,
	    "add mail.example.net A 192.0.2.1\n"
	    "add mail.example.net AAAA 2001:db8::1\n"
	    "add example.net MX 10 mail.example.net\n"
	    "add example.net TXT " SPF "\n"
	    "add _dmarc.example.net TXT " DMARC "\n" },
	{ ALL, PLAIN, 0, "" },
	/* not marked, but right: nobody has to claim it */
	{ "mail.example.net A 192.0.2.1\nmail.example.net AAAA 2001:DB8:0::1\n"
	  "Example.net MX 10 Mail.Example.Net.\nexample.net TXT \"v=spf1 mx a \" "
	  "\"ip4:192.0.2.1 ip6:2001:db8::1 -all\"\n_dmarc.example.net TXT " DMARC "\n",
	    PLAIN, 0, "" },
	/* others' records are no affair of ours */
	{ ALL
	    "example.net TXT google-site-verification=x\nwww.example.net A 192.0.2.9\n"
	    "example.net A 192.0.2.9 | | proxied\nexample.net CAA 0 issue \"x.example\"\n"
	    "k1._domainkey.example.net TXT v=DKIM1; p=BBBB\nexample.net HTTPS 1 . h2\n",
	    PLAIN, 0, "" },
	/* ours that says something else */
	{ "mail.example.net A 192.0.2.8 | vectis:host\n" HOST6 REST, PLAIN, 0,
	    "change mail.example.net A 192.0.2.1\n" },
	{ ALL "mail.example.net A 192.0.2.8 | vectis:host\n", PLAIN, 0,
	    "remove mail.example.net A 192.0.2.8\n" },
	{ "mail.example.net A 192.0.2.1 | vectis:host | proxied\n" HOST6 REST, PLAIN, 0,
	    "change mail.example.net A 192.0.2.1\n" },
	{ HOST "example.net MX 5 old.example.net | vectis:mx\n" TXT POLICY, PLAIN, 0,
	    "change example.net MX 10 mail.example.net\n" },
	/* the orange cloud of another */
	{ "mail.example.net A 192.0.2.1 | | proxied\n" HOST6 REST, PLAIN, 0,
	    "clash mail.example.net A 192.0.2.1\n"
	    "clash mail.example.net A 192.0.2.1\n" },
	{ "mail.example.net A 192.0.2.1 | | proxied\n" HOST6 REST, PLAIN, VX_ZONE_TAKE,
	    "take-remove mail.example.net A 192.0.2.1\n"
	    "add mail.example.net A 192.0.2.1\n" },
	{ HOST "mail.example.net A 192.0.2.77\n" REST, PLAIN, 0,
	    "clash mail.example.net A 192.0.2.77\n" },
	{ "mail.example.net CNAME host.example.org\n" REST, PLAIN, 0,
	    "clash mail.example.net CNAME host.example.org\n"
	    "clash mail.example.net A 192.0.2.1\n"
	    "clash mail.example.net AAAA 2001:db8::1\n" },
	{ "mail.example.net CNAME host.example.org\n" REST, PLAIN, VX_ZONE_TAKE,
	    "take-remove mail.example.net CNAME host.example.org\n"
	    "add mail.example.net A 192.0.2.1\n"
	    "add mail.example.net AAAA 2001:db8::1\n" },
	/* MX of others */
	{ HOST TXT POLICY "example.net MX 1 aspmx.l.google.com\n", PLAIN, 0,
	    "clash example.net MX 1 aspmx.l.google.com\n"
	    "clash example.net MX 10 mail.example.net\n" },
	{ HOST TXT POLICY "example.net MX 1 aspmx.l.google.com\n", PLAIN, VX_ZONE_TAKE,
	    "take-remove example.net MX 1 aspmx.l.google.com\n"
	    "add example.net MX 10 mail.example.net\n" },
	{ ALL "example.net MX 10 backup.example.org\n", PLAIN, 0,
	    "clash example.net MX 10 backup.example.org\n" },
	{ ALL "example.net MX 20 backup.example.org\n", PLAIN, 0,
	    "leave example.net MX 20 backup.example.org\n" },
	{ ALL "example.net MX 0 .\n", PLAIN, 0, "clash example.net MX 0 .\n" },
	{ ALL "example.net MX 50 route1.mx.cloudflare.net | | locked\n", PLAIN, 0,
	    "clash example.net MX 50 route1.mx.cloudflare.net\n" },
	{ ALL "example.net MX 50 route1.mx.cloudflare.net | | locked\n", PLAIN,
	    VX_ZONE_TAKE, "clash example.net MX 50 route1.mx.cloudflare.net\n" },
	/* Email Routing, declared */
	{ HOST POLICY "example.net MX 33 route1.mx.cloudflare.net | | locked\n"
		      "example.net MX 76 route2.mx.cloudflare.net | | locked\n"
		      "example.net MX 91 route3.mx.cloudflare.net | | locked\n"
		      "example.net TXT v=spf1 include:_spf.mx.cloudflare.net ~all\n",
	    BACKUP, 0,
	    "leave example.net MX 33 route1.mx.cloudflare.net\n"
	    "leave example.net MX 76 route2.mx.cloudflare.net\n"
	    "leave example.net MX 91 route3.mx.cloudflare.net\n"
	    "add example.net MX 10 mail.example.net\n"
	    "add example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:_spf.mx.cloudflare.net -all\n"
	    "remove example.net TXT v=spf1 include:_spf.mx.cloudflare.net ~all\n" },
	{ ALL "example.net MX 33 route1.mx.cloudflare.net\n"
	      "example.net MX 76 route2.mx.cloudflare.net\n"
	      "example.net MX 91 route3.mx.cloudflare.net\n"
	      "example.net TXT v=spf1 include:_spf.mx.cloudflare.net include:x.example "
	      "~all\n",
	    BACKUP, 0,
	    "leave example.net MX 33 route1.mx.cloudflare.net\n"
	    "leave example.net MX 76 route2.mx.cloudflare.net\n"
	    "leave example.net MX 91 route3.mx.cloudflare.net\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:_spf.mx.cloudflare.net include:x.example -all\n"
	    "remove example.net TXT v=spf1 include:_spf.mx.cloudflare.net "
	    "include:x.example ~all\n" },
	{ HOST POLICY MX "example.net MX 3 route1.mx.cloudflare.net | | locked\n"
			 "example.net TXT " SPF " | vectis:spf\n",
	    BACKUP, 0,
	    "clash example.net MX 3 route1.mx.cloudflare.net\n"
	    "clash example.net MX 51 route1.mx.cloudflare.net\n"
	    "clash example.net MX 52 route2.mx.cloudflare.net\n"
	    "clash example.net MX 53 route3.mx.cloudflare.net\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:_spf.mx.cloudflare.net -all\n" },
	/* unlocked, but before us: only its preference is changed */
	{ HOST POLICY MX
	    "example.net MX 3 route1.mx.cloudflare.net\n"
	    "example.net MX 60 route2.mx.cloudflare.net\n"
	    "example.net MX 70 route3.mx.cloudflare.net\n"
	    "example.net TXT v=spf1 include:_spf.mx.cloudflare.net ~all\n" TXT,
	    BACKUP, 0,
	    "merge example.net MX 51 route1.mx.cloudflare.net\n"
	    "leave example.net MX 60 route2.mx.cloudflare.net\n"
	    "leave example.net MX 70 route3.mx.cloudflare.net\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:_spf.mx.cloudflare.net -all\n"
	    "remove example.net TXT v=spf1 include:_spf.mx.cloudflare.net ~all\n" },
	{ HOST POLICY MX "example.net MX 3 route1.mx.cloudflare.net | | locked\n"
			 "example.net MX 60 route2.mx.cloudflare.net | | locked\n"
			 "example.net MX 70 route3.mx.cloudflare.net | | locked\n" TXT,
	    BACKUP, VX_ZONE_UNLOCK,
	    "merge example.net MX 51 route1.mx.cloudflare.net\n"
	    "leave example.net MX 60 route2.mx.cloudflare.net\n"
	    "leave example.net MX 70 route3.mx.cloudflare.net\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:_spf.mx.cloudflare.net -all\n" },
	/* each keeps its name, also when there are more of them */
	{ HOST POLICY MX "example.net MX 3 route2.mx.cloudflare.net\n"
			 "example.net MX 4 amir.mx.cloudflare.net\n"
			 "example.net MX 70 route3.mx.cloudflare.net\n" TXT,
	    BACKUP, 0,
	    "merge example.net MX 52 route2.mx.cloudflare.net\n"
	    "merge example.net MX 51 amir.mx.cloudflare.net\n"
	    "leave example.net MX 70 route3.mx.cloudflare.net\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:_spf.mx.cloudflare.net -all\n" },
	/* Email Routing, not declared any more: what was its MX does not become ours */
	{ HOST POLICY
	    "example.net MX 51 route1.mx.cloudflare.net | vectis:mx\n"
	    "example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 include:x.example "
	    "include:_spf.mx.cloudflare.net -all | vectis:spf\n",
	    PLAIN, 0,
	    "add example.net MX 10 mail.example.net\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:x.example -all\n"
	    "remove example.net MX 51 route1.mx.cloudflare.net\n" },
	/* another server as the backup */
	{ ALL "example.net MX 50 route1.mx.cloudflare.net\n", SPARE, 0,
	    "clash example.net MX 50 route1.mx.cloudflare.net\n"
	    "clash example.net MX 50 spare.example.org\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "+a:spare.example.org -all\n" },
	{ HOST POLICY MX "example.net MX 20 spare.example.org\n"
			 "example.net TXT v=spf1 a:spare.example.org ~all\n",
	    SPARE, 0,
	    "leave example.net MX 20 spare.example.org\n"
	    "merge example.net TXT v=spf1 a:spare.example.org ip4:192.0.2.1 "
	    "ip6:2001:db8::1 ~all\n" },
	{ HOST POLICY MX "example.net MX 5 spare.example.org\n" TXT, SPARE, 0,
	    "merge example.net MX 50 spare.example.org\n"
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "+a:spare.example.org -all\n" },
	{ HOST MX POLICY "example.net MX 50 spare.example.org | vectis:mx\n"
			 "example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
			 "+a:spare.example.org "
			 "-all | vectis:spf\n",
	    PLAIN, 0,
	    "change example.net TXT " SPF "\n"
	    "remove example.net MX 50 spare.example.org\n" },
	/* SPF: merged, never doubled */
	{ HOST MX POLICY "example.net TXT v=spf1 include:x.example ~all\n", PLAIN, 0,
	    "merge example.net TXT v=spf1 include:x.example ip4:192.0.2.1 "
	    "ip6:2001:db8::1 ~all\n" },
	{ HOST MX POLICY "example.net TXT v=spf1 a -all\nexample.net TXT v=spf1 mx "
			 "include:x.example ~all\n",
	    PLAIN, 0,
	    "merge example.net TXT v=spf1 a mx include:x.example ip4:192.0.2.1 "
	    "ip6:2001:db8::1 -all\n"
	    "remove example.net TXT v=spf1 mx include:x.example ~all\n" },
	/* ours as we wrote it is written anew; with something added it is merged */
	{ HOST MX POLICY "example.net TXT v=spf1 mx a ip4:192.0.2.8 -all | vectis:spf\n",
	    PLAIN, 0, "change example.net TXT " SPF "\n" },
	{ HOST MX POLICY
	    "example.net TXT v=spf1 mx a ip4:192.0.2.8 include:x.example -all | "
	    "vectis:spf\n",
	    PLAIN, 0,
	    "change example.net TXT v=spf1 mx a ip4:192.0.2.8 include:x.example "
	    "ip4:192.0.2.1 ip6:2001:db8::1 -all\n" },
	/* one DMARC record */
	{ HOST MX TXT "_dmarc.example.net TXT v=DMARC1; p=none\n", PLAIN, 0,
	    "leave _dmarc.example.net TXT v=DMARC1; p=none\n" },
	{ HOST MX TXT "_dmarc.example.net TXT v=DMARC1; p=none\n"
		      "_dmarc.example.net TXT v=DMARC1; p=reject\n",
	    PLAIN, 0,
	    "clash _dmarc.example.net TXT v=DMARC1; p=none\n"
	    "clash _dmarc.example.net TXT v=DMARC1; p=reject\n"
	    "clash _dmarc.example.net TXT " DMARC "\n" },
	{ ALL "_dmarc.example.net TXT v=DMARC1; p=none\n", PLAIN, 0,
	    "clash _dmarc.example.net TXT v=DMARC1; p=none\n" },
	{ HOST MX TXT "_dmarc.example.net CNAME dmarc.example.org\n", PLAIN, 0,
	    "clash _dmarc.example.net CNAME dmarc.example.org\n"
	    "clash _dmarc.example.net TXT " DMARC "\n" },
	/* keys */
	{ ALL "202611._domainkey.example.net TXT v=DKIM1; p=ZZ\n"
	      "_25._tcp.mail.example.net TLSA 3 1 1 ab\n"
	      "mail.example.net CAA 0 issue \"other.example\"\n"
	      "_smtp._tls.example.net TXT v=TLSRPTv1; rua=mailto:x@example.org\n",
	    KEYS, 0,
	    "clash 202611._domainkey.example.net TXT v=DKIM1; p=ZZ\n"
	    "clash 202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA\n"
	    "leave _smtp._tls.example.net TXT v=TLSRPTv1; rua=mailto:x@example.org\n"
	    "clash _25._tcp.mail.example.net TLSA 3 1 1 ab\n"
	    "add _25._tcp.mail.example.net TLSA 3 1 1 "
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	    "leave mail.example.net CAA 0 issue \"other.example\"\n"
	    "add mail.example.net CAA 0 issue \"ca.example\"\n" },
	{ ALL "202605._domainkey.example.net TXT v=DKIM1; p=ZZ | vectis:dkim\n"
	      "_25._tcp.mail.example.net TLSA 3 1 1 ab | vectis:tlsa\n",
	    PLAIN, 0,
	    "remove 202605._domainkey.example.net TXT v=DKIM1; p=ZZ\n"
	    "remove _25._tcp.mail.example.net TLSA 3 1 1 ab\n" },
	/* each server of a domain has keys of its own, and a host for the web (DNS-09,
	 * -17)
	 */
	{ ALL "202611._domainkey.example.net TXT v=DKIM1; p=ZZ | vectis:dkim 07d1aa\n"
	      "202605._domainkey.example.net TXT v=DKIM1; p=YY | vectis:dkim 07d1aa\n"
	      "202604._domainkey.example.net TXT v=DKIM1; p=XX | vectis:dkim 3fa9c2\n"
	      "202603._domainkey.example.net TXT v=DKIM1; p=WW | vectis:dkim\n"
	      "web.example.net A 192.0.2.1 | vectis:admin 3fa9c2 | proxied\n"
	      "web2.example.net A 192.0.2.2 | vectis:admin 07d1aa | proxied\n",
	    SERVER, 0,
	    "clash 202611._domainkey.example.net TXT v=DKIM1; p=ZZ\n"
	    "clash 202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA\n"
	    "add admin.example.net A 192.0.2.1\n"
	    "add admin.example.net AAAA 2001:db8::1\n"
	    "remove 202604._domainkey.example.net TXT v=DKIM1; p=XX\n"
	    "remove 202603._domainkey.example.net TXT v=DKIM1; p=WW\n"
	    "remove web.example.net A 192.0.2.1\n" },
	{ ALL "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA\n"
	      "202605._domainkey.example.net TXT v=DKIM1; p=YY | vectis:dkim 07d1aa\n"
	      "admin.example.net A 192.0.2.1 | proxied\n"
	      "admin.example.net AAAA 2001:db8::1 | vectis:admin 3fa9c2 | proxied\n",
	    SERVER, 0, "" },
	/* that host is proxied, or in the way */
	{ ALL "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA\n"
	      "admin.example.net A 192.0.2.1 | vectis:admin 3fa9c2\n"
	      "admin.example.net AAAA 2001:db8::9 | vectis:admin 3fa9c2 | proxied\n",
	    SERVER, 0,
	    "change admin.example.net A 192.0.2.1\n"
	    "change admin.example.net AAAA 2001:db8::1\n" },
	{ ALL "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA\n"
	      "admin.example.net A 192.0.2.1\n"
	      "admin.example.net AAAA 2001:db8::1 | proxied\n",
	    SERVER, 0,
	    "clash admin.example.net A 192.0.2.1\n"
	    "clash admin.example.net A 192.0.2.1\n" },
	{ ALL "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA\n"
	      "admin.example.net CNAME web.example.org | proxied\n",
	    SERVER, VX_ZONE_TAKE,
	    "take-remove admin.example.net CNAME web.example.org\n"
	    "add admin.example.net A 192.0.2.1\n"
	    "add admin.example.net AAAA 2001:db8::1\n" },
	/* it stays with the server's name, and goes with it */
	{ HOST "202611._domainkey.example.net TXT v=DKIM1; p=ZZ | vectis:dkim 07d1aa\n"
	       "202604._domainkey.example.net TXT v=DKIM1; p=XX | vectis:dkim 3fa9c2\n"
	       "admin.example.net A 192.0.2.1 | vectis:admin 3fa9c2 | proxied\n",
	    SERVER, VX_ZONE_WITHDRAW,
	    "remove 202604._domainkey.example.net TXT v=DKIM1; p=XX\n" },
	{ HOST "admin.example.net A 192.0.2.1 | vectis:admin 3fa9c2 | proxied\n"
	       "web2.example.net A 192.0.2.2 | vectis:admin 07d1aa | proxied\n",
	    SERVER, VX_ZONE_WITHDRAW | VX_ZONE_WITHDRAW_HOST,
	    "remove mail.example.net A 192.0.2.1\n"
	    "remove mail.example.net AAAA 2001:db8::1\n"
	    "remove admin.example.net A 192.0.2.1\n" },
	/* TLSA alone: those of ours that are old go, all else stays as it is */
	{ HOST MX "mail.example.net CAA 0 issue \"other.example\" | vectis:caa\n"
		  "_25._tcp.mail.example.net TLSA 3 1 1 ab | vectis:tlsa\n"
		  "_25._tcp.mail.example.net TLSA 3 1 1 cd | vectis:tlsa\n"
		  "_25._tcp.other.example.net TLSA 3 1 1 ef | vectis:tlsa\n",
	    TLSA, VX_ZONE_TLSA_ONLY,
	    "change _25._tcp.mail.example.net TLSA 3 1 1 "
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	    "remove _25._tcp.mail.example.net TLSA 3 1 1 cd\n" },
	{ HOST "_25._tcp.mail.example.net TLSA 3 1 1 ab\n", TLSA, VX_ZONE_TLSA_ONLY,
	    "clash _25._tcp.mail.example.net TLSA 3 1 1 ab\n"
	    "add _25._tcp.mail.example.net TLSA 3 1 1 "
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n" },
	/* names for clients */
	{ ALL "autoconfig.example.net A 192.0.2.1\n"
	      "autodiscover.example.net CNAME autodiscover.outlook.com\n",
	    AUTOCONFIG, 0,
	    "leave autoconfig.example.net A 192.0.2.1\n"
	    "clash autodiscover.example.net CNAME autodiscover.outlook.com\n"
	    "clash autodiscover.example.net CNAME mail.example.net\n"
	    "add _autodiscover._tcp.example.net SRV 0 0 443 mail.example.net\n" },
	{ ALL "autoconfig.example.net CNAME mail.example.net | | proxied\n"
	      "autodiscover.example.net CNAME mail.example.net\n"
	      "_autodiscover._tcp.example.net SRV 0 0 443 other.example\n",
	    AUTOCONFIG, 0,
	    "clash _autodiscover._tcp.example.net SRV 0 0 443 other.example\n"
	    "clash _autodiscover._tcp.example.net SRV 0 0 443 mail.example.net\n" },
	{ ALL "_imaps._tcp.example.net SRV 0 0 993 old.example.net | vectis:srv\n",
	    SERVICES, 0,
	    "add _submissions._tcp.example.net SRV 0 0 0 .\n"
	    "add _submission._tcp.example.net SRV 0 0 0 .\n"
	    "change _imaps._tcp.example.net SRV 0 1 993 mail.example.net\n"
	    "add _imap._tcp.example.net SRV 0 0 0 .\n"
	    "add _pop3s._tcp.example.net SRV 0 0 0 .\n"
	    "add _pop3._tcp.example.net SRV 0 0 0 .\n" },
	/* the server had another name (DNS-11) */
	{ ALL "old.example.net A 192.0.2.1 | vectis:host\n"
	      "_25._tcp.old.example.net TLSA 3 1 1 ab | vectis:tlsa\n"
	      "old.example.net A 192.0.2.2\n",
	    FORMER, 0,
	    "remove old.example.net A 192.0.2.1\n"
	    "remove _25._tcp.old.example.net TLSA 3 1 1 ab\n" },
	{ ALL "old.example.net A 192.0.2.1 | vectis:host\n", PLAIN, 0, "" },
	/* its new name comes first, and nothing else is touched */
	{ "example.net MX 10 old.example.net | vectis:mx\n"
	  "old.example.net A 192.0.2.1 | vectis:host\n"
	  "mail.example.net A 192.0.2.8 | vectis:host\n",
	    HOST_ONLY, VX_ZONE_PART,
	    "change mail.example.net A 192.0.2.1\n"
	    "add mail.example.net AAAA 2001:db8::1\n" },
	/* whose it is: ours says so, others may say it of themselves */
	{ ALL, OWNED, 0, "add example.net TXT " OWNER "\n" },
	{ ALL "example.net TXT \"" OWNER "\"\n", OWNED, 0, "" },
	{ ALL "example.net TXT vectis-verify=4567 | vectis:verify\n", OWNED, 0,
	    "change example.net TXT " OWNER "\n" },
	{ ALL "example.net TXT vectis-verify=4567\n", OWNED, 0,
	    "leave example.net TXT vectis-verify=4567\n"
	    "add example.net TXT " OWNER "\n" },
	{ ALL "example.net TXT vectis-verify=4567\nexample.net TXT " OWNER
	      " | vectis:verify\n",
	    PLAIN, 0, "remove example.net TXT " OWNER "\n" },
	{ ALL "example.net TXT " OWNER " | vectis:verify\n", OWNED, VX_ZONE_WITHDRAW,
	    "remove example.net MX 10 mail.example.net\n"
	    "remove example.net TXT " SPF "\n"
	    "remove _dmarc.example.net TXT " DMARC "\n"
	    "remove example.net TXT " OWNER "\n" },
	/* another domain of ours in the same zone keeps what it has */
	{ ALL "sub.example.net MX 10 mail.example.net | vectis:mx\n"
	      "_dmarc.sub.example.net TXT v=DMARC1; p=none | vectis:dmarc\n"
	      "x._domainkey.sub.example.net TXT v=DKIM1; p=AA | vectis:dkim\n",
	    PLAIN, VX_ZONE_WITHDRAW,
	    "remove example.net MX 10 mail.example.net\n"
	    "remove example.net TXT " SPF "\n"
	    "remove _dmarc.example.net TXT " DMARC "\n" },
	{ HOST MX "example.net TXT v=spf1 ip4:192.0.2.1 -all\n", PLAIN,
	    VX_ZONE_WITHDRAW | VX_ZONE_WITHDRAW_HOST,
	    "leave example.net TXT v=spf1 ip4:192.0.2.1 -all\n"
	    "remove mail.example.net A 192.0.2.1\n"
	    "remove mail.example.net AAAA 2001:db8::1\n"
	    "remove example.net MX 10 mail.example.net\n" },
	{ "mail.example.net A 192.0.2.1\n", PLAIN,
	    VX_ZONE_WITHDRAW | VX_ZONE_WITHDRAW_HOST, "" },
	/* names that are proven for good */
	{ ALL, PROOFS, 0,
	    "add _validation-persist.mail.example.net TXT " WILD "\n"
	    "add _validation-persist.imap.example.net TXT " NAME "\n" },
	{ ALL "_validation-persist.mail.example.net TXT ca.example; accounturi=" ACCOUNT
	      " | vectis:persist\n"
	      "_validation-persist.imap.example.net TXT CA.example;accounturi=" ACCOUNT
	      ";policy=wildcard\n",
	    PROOFS, 0,
	    "change _validation-persist.mail.example.net TXT " WILD "\n"
	    "leave _validation-persist.imap.example.net TXT "
	    "CA.example;accounturi=" ACCOUNT ";policy=wildcard\n" },
	/* other accounts and authorities stay, one that ends is not relied upon */
	{ ALL
	    "_validation-persist.mail.example.net TXT ca.example; accounturi=x:2\n"
	    "_validation-persist.mail.example.net TXT " WILD "; persistUntil=9999999999\n"
	    "_validation-persist.imap.example.net TXT other.example; accounturi=" ACCOUNT
	    "\n_validation-persist.www.example.net TXT ca.example; accounturi=x:2 | "
	    "vectis:persist\n"
	    "_validation-persist.old.example.net TXT " NAME " | vectis:persist\n",
	    PROOFS, 0,
	    "leave _validation-persist.mail.example.net TXT ca.example; accounturi=x:2\n"
	    "leave _validation-persist.mail.example.net TXT " WILD
	    "; persistUntil=9999999999\n"
	    "add _validation-persist.mail.example.net TXT " WILD "\n"
	    "leave _validation-persist.imap.example.net TXT other.example; "
	    "accounturi=" ACCOUNT "\nadd _validation-persist.imap.example.net TXT " NAME
	    "\n"
	    "remove _validation-persist.old.example.net TXT " NAME "\n" },
	/* it goes with the host, and with the authority */
	{ ALL "_validation-persist.mail.example.net TXT " WILD " | vectis:persist\n",
	    PLAIN, 0, "remove _validation-persist.mail.example.net TXT " WILD "\n" },
	{ HOST "_validation-persist.mail.example.net TXT " WILD " | vectis:persist\n"
	       "_validation-persist.imap.example.net TXT " NAME " | vectis:persist\n",
	    PROOFS, VX_ZONE_WITHDRAW, "" },
	{ "_validation-persist.mail.example.net TXT " WILD " | vectis:persist\n"
	  "_validation-persist.imap.example.net TXT " NAME " | vectis:persist\n"
	  "_validation-persist.mail.example.net TXT " WILD "\n",
	    PROOFS, VX_ZONE_WITHDRAW | VX_ZONE_WITHDRAW_HOST,
	    "remove _validation-persist.mail.example.net TXT " WILD "\n"
	    "remove _validation-persist.imap.example.net TXT " NAME "\n" },
	/* what was merged into a record of others is taken out again, and nothing else */
	{ HOST MX POLICY "example.net TXT v=spf1 a:spare.example.org a:x.example "
			 "ip4:192.0.2.1 ip6:2001:db8::1 ~all\n",
	    MERGED, 0,
	    "merge example.net TXT v=spf1 a:x.example ip4:192.0.2.1 ip6:2001:db8::1 "
	    "~all\n" },
	{ HOST MX POLICY "example.net TXT v=spf1 include:_spf.mx.cloudflare.net "
			 "ip4:192.0.2.1 ip6:2001:db8::1 ~all\n",
	    MERGED, 0, "" },
	{ HOST MX POLICY "example.net MX 50 spare.example.org\n"
			 "example.net TXT v=spf1 +a:spare.example.org "
			 "ip4:192.0.2.1 ip6:2001:db8::1 ~all\n",
	    MERGED_SPARE, 0, "" },
	{ HOST MX POLICY "example.net TXT v=spf1 include:x.example ip4:192.0.2.1 "
			 "+a:spare.example.org ip4:192.0.2.9 ~all\n",
	    MERGED, VX_ZONE_WITHDRAW,
	    "merge example.net TXT v=spf1 include:x.example ip4:192.0.2.9 ~all\n"
	    "remove example.net MX 10 mail.example.net\n"
	    "remove _dmarc.example.net TXT " DMARC "\n" },
};

static void check_row(size_t i)
{
	const struct vx_zone_wish w = wish(rows[i].wish);
	struct vx_buf text = { .max = 10000 }, again = { .max = 10000 };
	struct vx_zone have, after;
	struct vx_zone_plan p;
	struct vx_zone_diff *d = calloc(1, sizeof(*d)), *e = calloc(1, sizeof(*e));

	zone_check_read(&have, rows[i].have);
	vxt_assert_ok(vx_zone_plan(&w, &p));
	vxt_assert_ok(vx_zone_diff(&p, &have, rows[i].flags, d));
	zone_check_write(d, &text);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&text), vx_slice_str(rows[i].want)),
	    "row %zu:\n%.*s", i, (int)text.len, text.len > 0 ? text.ptr : "");
	/* once it is done there is nothing more to do */
	zone_check_apply(&have, d, &after);
	vxt_assert_ok(vx_zone_diff(&p, &after, rows[i].flags, e));
	zone_check_write(e, &again);
	ck_assert_msg(e->work == 0 && e->clashes == d->clashes, "row %zu again:\n%.*s", i,
	    (int)again.len, again.len > 0 ? again.ptr : "");
	vx_zone_diff_done(d);
	vx_zone_diff_done(e);
	vx_zone_done(&after);
	vx_zone_done(&have);
	vx_zone_plan_done(&p);
	vx_buf_done(&text);
	vx_buf_done(&again);
	free(d);
	free(e);
}

START_TEST(differences)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
}
END_TEST

/* Whatever is there: what is not ours is changed by a merge only, or when it was asked.
 */
START_TEST(only_ours_is_touched)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vx_zone_wish w = wish(rows[i].wish);
		struct vx_zone_diff *d = calloc(1, sizeof(*d));
		struct vx_zone have;
		struct vx_zone_plan p;

		zone_check_read(&have, rows[i].have);
		vxt_assert_ok(vx_zone_plan(&w, &p));
		vxt_assert_ok(vx_zone_diff(&p, &have, rows[i].flags, d));
		for (size_t k = 0; k < d->count; k++) {
			const struct vx_zone_change *c = &d->changes[k];
			const bool spf = c->have != NULL &&
					 strncmp(c->have->content, "v=spf1", 6) == 0;

			if (c->verb == VX_ZONE_CHANGE || c->verb == VX_ZONE_REMOVE)
				ck_assert(vx_zone_is_ours(c->have) || spf || c->taken);
			/* of a declared backup, only the preference */
			if (c->verb == VX_ZONE_MERGE)
				ck_assert(!vx_zone_is_ours(c->have) &&
					  (spf || strcmp(strchr(c->have->content, ' '),
						      strchr(c->to.content, ' ')) == 0));
			if (c->have != NULL && c->have->locked &&
			    (rows[i].flags & VX_ZONE_UNLOCK) == 0)
				ck_assert(c->verb == VX_ZONE_CLASH ||
					  c->verb == VX_ZONE_LEAVE ||
					  c->verb == VX_ZONE_KEEP);
		}
		vx_zone_diff_done(d);
		vx_zone_done(&have);
		vx_zone_plan_done(&p);
		free(d);
	}
}
END_TEST

START_TEST(too_much_is_a_limit)
{
	const struct vx_zone_wish w = zone_check_wish();
	struct vx_zone_diff *d = calloc(1, sizeof(*d));
	struct vx_zone have;
	struct vx_zone_plan p;

	vx_zone_init(&have);
	for (size_t i = 0; i <= VX_ZONE_CHANGES_MAX; i++) {
		const struct vx_zone_record r = { .name = "mail.example.net",
			.type = "A",
			.content = "192.0.2.9",
			.comment = "vectis:host",
			.id = "" };

		vxt_assert_ok(vx_zone_add(&have, &r));
	}
	vxt_assert_ok(vx_zone_plan(&w, &p));
	ck_assert_int_eq(vx_zone_diff(&p, &have, 0, d), VX_ELIMIT);
	ck_assert_uint_le(d->count, VX_ZONE_CHANGES_MAX);
	vx_zone_diff_done(d);
	vx_zone_done(&have);
	vx_zone_plan_done(&p);
	free(d);
}
END_TEST

VXT_SUITE(test_diff, "diff", differences, only_ours_is_touched, too_much_is_a_limit)
