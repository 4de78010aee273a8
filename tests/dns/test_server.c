/* Where a server of the DNS is asked, and for which zone. */
#include "lib/vxt.h"
#include "vectis/dns.h"

static const struct {
	const char *text, *address; /* NULL: none */
	unsigned port;
} servers[] = {
	{ "192.0.2.1", "192.0.2.1", 53 },
	{ "192.0.2.1@5353", "192.0.2.1", 5353 },
	{ "2001:db8::1", "2001:db8::1", 53 },
	{ "2001:db8::1@65535", "2001:db8::1", 65535 },
	{ "1111:2222:3333:4444:5555:6666:255.255.255.255",
	    "1111:2222:3333:4444:5555:6666:255.255.255.255", 53 },
	{ "", NULL, 0 },
	{ "@53", NULL, 0 },
	{ "192.0.2.1@", NULL, 0 },
	{ "192.0.2.1@0", NULL, 0 },
	{ "192.0.2.1@65536", NULL, 0 },
	{ "192.0.2.1@53@53", NULL, 0 },
	{ "192.0.2.1 ", NULL, 0 },
	{ "192.0.2.256", NULL, 0 },
	{ "[2001:db8::1]", NULL, 0 },
	{ "ns.example.net", NULL, 0 },
	{ "11111:2222:3333:4444:5555:6666:255.255.255.2550", NULL, 0 },
};

START_TEST(a_server)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		const char *const want = servers[i].address;
		struct vx_dns_server s = { .address = "kept", .port = 7 };
		const int rc = vx_dns_server_parse(vx_slice_str(servers[i].text), &s);

		ck_assert_msg(rc == (want != NULL ? VX_OK : VX_EINVAL), "%s: %d",
		    servers[i].text, rc);
		ck_assert_str_eq(s.address, want != NULL ? want : "kept");
		ck_assert_uint_eq(s.port, want != NULL ? servers[i].port : 7);
	}
}
END_TEST

START_TEST(of_a_zone)
{
	static const char *const bad[] = { "", "example.net", "example.net ",
		"a..b 192.0.2.1", "example.net ns.example.net",
		"example.net 192.0.2.1@x" };
	struct vx_dns_server s = { .port = 7 };
	vx_slice zone = VX_S("kept");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
		    vx_dns_server_parse_zone(vx_slice_str(bad[i]), &zone, &s), VX_EINVAL);
	ck_assert(vx_slice_eq(zone, VX_S("kept")));
	ck_assert_uint_eq(s.port, 7);
	vxt_assert_ok(
	    vx_dns_server_parse_zone(VX_S("example.net   192.0.2.1@5300"), &zone, &s));
	ck_assert(vx_slice_eq(zone, VX_S("example.net")));
	ck_assert_str_eq(s.address, "192.0.2.1");
	ck_assert_uint_eq(s.port, 5300);
}
END_TEST

VXT_SUITE(test_server, "server", a_server, of_a_zone)
