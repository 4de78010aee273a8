/* What is foreseen of http-01 and tls-alpn-01. */
#include "lib/vxt.h"
#include "vectis/acme_ways.h"

#define H VX_ACME_HTTP_01
#define T VX_ACME_TLS_ALPN_01
#define OURS VX_ACME_SEEN_OURS
#define MOVED VX_ACME_SEEN_REDIRECT
#define OTHER VX_ACME_SEEN_OTHER
#define REFUSED VX_ACME_SEEN_REFUSED
#define SILENT VX_ACME_SEEN_SILENT
#define FOUR "198.51.100.7"
#define SIX "2001:db8::7"

enum {
	OWN = 1,
	FOREIGN = 2,
	PROXY = 4,
	WEB = 8,
	HTTP = 1,
	TLS = 2,
	BOTH = 3
};

static const struct {
	int listens;
	struct {
		const char *address;
		int is;
		enum vx_acme_seen http, tls;
	} at[3];
	unsigned ways;
	const char *why; /* in it; "": there is none; NULL: whatever */
} cases[] = {
	/* all is well */
	{ HTTP, { { FOUR, OWN, OURS, OURS } }, H, "" },
	{ BOTH, { { FOUR, OWN, OURS, OURS }, { SIX, OWN, OURS, OURS } }, H | T, "" },
	{ TLS, { { FOUR, OWN, OTHER, OURS } }, T, "" },
	{ HTTP, { { FOUR, OWN, MOVED, OTHER } }, H, "" },
	/* the other challenge helps */
	{ BOTH, { { FOUR, OWN, OTHER, OURS } }, T, "" },
	{ BOTH, { { FOUR, OWN, SILENT, OURS } }, T, "" },
	{ BOTH, { { FOUR, OWN, OURS, REFUSED } }, H, "" },
	/* ours, and nobody or somebody else there */
	{ HTTP, { { FOUR, OWN, REFUSED, OURS } }, 0,
	    "port 80 of its address " FOUR " takes no" },
	{ HTTP, { { FOUR, OWN, SILENT, OURS } }, 0, "does not answer" },
	{ HTTP, { { FOUR, OWN, OTHER, OURS } }, 0, "another program answers on port 80" },
	{ TLS, { { FOUR, OWN, OURS, OTHER } }, 0, "another program answers on port 443" },
	{ BOTH, { { FOUR, OWN, REFUSED, REFUSED } }, 0, "port 80" },
	/* an authority falls back from IPv6 when it cannot connect, and only then */
	{ HTTP, { { FOUR, OWN, OURS, OURS }, { SIX, OWN, REFUSED, OURS } }, H, SIX },
	{ HTTP, { { SIX, OWN, SILENT, OURS }, { FOUR, OWN, OURS, OURS } }, H, SIX },
	{ HTTP, { { FOUR, OWN, OURS, OURS }, { SIX, OWN, OTHER, OURS } }, 0, SIX },
	{ HTTP, { { FOUR, OWN, OURS, OURS }, { SIX, FOREIGN, REFUSED, OURS } }, 0,
	    "AAAA record " SIX },
	{ HTTP, { { SIX, OWN, REFUSED, OURS } }, 0, SIX },
	{ HTTP, { { FOUR, OWN, REFUSED, OURS }, { SIX, OWN, OURS, OURS } }, 0, FOUR },
	/* another host */
	{ HTTP, { { FOUR, FOREIGN, OTHER, OURS } }, 0,
	    "set it to 203.0.113.9 or remove it" },
	{ BOTH, { { FOUR, FOREIGN, SILENT, SILENT } }, 0, "A record " FOUR },
	{ HTTP, { { FOUR, OWN, OURS, OURS }, { "198.51.100.8", FOREIGN, OTHER, OURS } },
	    0, "198.51.100.8" },
	/* ... that hands it on to us */
	{ HTTP, { { FOUR, FOREIGN, OURS, OTHER } }, H, "" },
	/* a proxy */
	{ BOTH, { { "104.16.0.1", FOREIGN | PROXY, OTHER, OTHER } }, 0, "DNS only" },
	{ HTTP, { { "104.16.0.1", FOREIGN | PROXY, OURS, OTHER } }, H, "" },
	{ HTTP, { { "104.16.0.1", FOREIGN | PROXY | WEB, OTHER, OTHER } }, 0,
	    "does not hand" },
	{ HTTP, { { "104.16.0.1", FOREIGN | PROXY | WEB, OURS, OTHER } }, H, "" },
	/* a NAT */
	{ BOTH, { { FOUR, 0, SILENT, SILENT } }, H | T, "dns.addresses" },
	{ HTTP, { { FOUR, 0, OTHER, OTHER } }, H, "cannot be seen from here" },
	{ HTTP, { { FOUR, 0, OURS, OTHER } }, H, "" },
	/* nothing was tried */
	{ BOTH, { { FOUR, OWN, VX_ACME_SEEN_NOTHING, VX_ACME_SEEN_NOTHING } }, H | T,
	    NULL },
	/* nobody listens, or there is no address */
	{ 0, { { FOUR, OWN, OURS, OURS } }, 0, "" },
	{ BOTH, { { NULL, 0, OURS, OURS } }, 0, "" },
};

START_TEST(ways)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_acme_place places[3];
		struct vx_acme_ways w = { .places = places,
			.http = (cases[i].listens & HTTP) != 0,
			.tls = (cases[i].listens & TLS) != 0,
			.http_port = 80,
			.tls_port = 443,
			.own = "203.0.113.9" };
		char why[VX_ACME_TEXT_MAX];
		unsigned found;

		for (; w.count < 3 && cases[i].at[w.count].address != NULL; w.count++)
			places[w.count] =
			    (struct vx_acme_place){ .address =
							cases[i].at[w.count].address,
				    .own = (cases[i].at[w.count].is & OWN) != 0,
				    .foreign = (cases[i].at[w.count].is & FOREIGN) != 0,
				    .proxy = (cases[i].at[w.count].is & PROXY) != 0,
				    .http = cases[i].at[w.count].http,
				    .tls = cases[i].at[w.count].tls };
		w.web = (cases[i].at[0].is & WEB) != 0;
		found = vx_acme_find_ways(&w, why);
		ck_assert_msg(found == cases[i].ways, "case %zu: %u %s", i, found, why);
		if (cases[i].why == NULL)
			continue;
		ck_assert_msg(strstr(why, cases[i].why) != NULL &&
				  (cases[i].why[0] != '\0' || why[0] == '\0'),
		    "case %zu: %s", i, why);
		/* what is refused has a reason, as far as we listen */
		ck_assert(found != 0 || why[0] != '\0' || w.count == 0 ||
			  cases[i].listens == 0);
	}
}
END_TEST

START_TEST(names)
{
	for (int i = VX_ACME_SEEN_NOTHING; i <= VX_ACME_SEEN_SILENT; i++)
		ck_assert_uint_gt(strlen(vx_acme_seen_name((enum vx_acme_seen)i)), 0);
}
END_TEST

VXT_SUITE(test_ways, "ways", ways, names)
