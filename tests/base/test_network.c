#include "lib/vxt.h"
#include "vectis/network.h"

static struct vx_network net(const char *text)
{
	struct vx_network n = { 0 };
	bool exact;

	vxt_assert_ok(vx_network_parse(vx_slice_str(text), &n, &exact));
	return n;
}

START_TEST(texts_come_back)
{
	static const struct {
		const char *text, *back;
		bool exact;
	} table[] = { { "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1/32", "192.0.2.1", true },
		{ "192.0.2.0/24", "192.0.2.0/24", true },
		{ "192.0.2.77/25", "192.0.2.0/25", false },
		{ "192.0.2.255/31", "192.0.2.254/31", false },
		{ "0.0.0.0/0", "0.0.0.0/0", true }, { "10.1.2.3/0", "0.0.0.0/0", false },
		{ "2001:DB8::1", "2001:db8::1", true },
		{ "2001:db8::/32", "2001:db8::/32", true },
		{ "2001:db8:ffff::/33", "2001:db8:8000::/33", false },
		{ "::/0", "::/0", true }, { "::1/128", "::1", true },
		{ "::ffff:192.0.2.7", "192.0.2.7", true } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char back[VX_NETWORK_TEXT_MAX + 1];
		struct vx_network n;
		bool exact;

		vxt_assert_ok(vx_network_parse(vx_slice_str(table[i].text), &n, &exact));
		ck_assert_int_eq(exact, table[i].exact);
		vx_network_write(&n, back);
		ck_assert_str_eq(back, table[i].back);
	}
}
END_TEST

START_TEST(what_is_none_is_refused)
{
	static const char *const texts[] = { "", "/", "/8", "192.0.2", "192.0.2.256",
		"192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/1x", "::/129",
		"2001:db8", "::ffff:192.0.2.7/40", "localhost", " 192.0.2.1",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111",
		"1111:1111:1111:1111:1111:1111:255.255.255.255555555555555555555555" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vx_network n;
		bool exact;

		ck_assert_int_eq(
		    vx_network_parse(vx_slice_str(texts[i]), &n, &exact), VX_EINVAL);
	}
}
END_TEST

START_TEST(networks_have_their_addresses)
{
	static const struct {
		const char *outer, *inner;
		bool has;
	} table[] = { { "192.0.2.0/24", "192.0.2.9", true },
		{ "192.0.2.0/24", "192.0.3.9", false },
		{ "192.0.2.0/24", "192.0.2.0/25", true },
		{ "192.0.2.0/25", "192.0.2.0/24", false },
		{ "0.0.0.0/0", "255.255.255.255", true }, { "0.0.0.0/0", "::1", false },
		{ "::/0", "192.0.2.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vx_network outer = net(table[i].outer),
					inner = net(table[i].inner);

		ck_assert_int_eq(vx_network_has(&outer, &inner), table[i].has);
	}
}
END_TEST

START_TEST(an_owner_has_an_address_or_a_64)
{
	const struct vx_network a = net("192.0.2.9"), b = net("2001:db8:1:2:3:4:5:6");
	struct vx_network owner = vx_network_owner(&a);
	char text[VX_NETWORK_TEXT_MAX + 1];

	vx_network_write(&owner, text);
	ck_assert_str_eq(text, "192.0.2.9");
	owner = vx_network_owner(&b);
	vx_network_write(&owner, text);
	ck_assert_str_eq(text, "2001:db8:1:2::/64");
	owner = vx_network_wider(&a, 24);
	vx_network_write(&owner, text);
	ck_assert_str_eq(text, "192.0.2.0/24");
}
END_TEST

START_TEST(public_addresses)
{
	static const char *const yes[] = { "192.0.2.1", "8.8.8.8", "172.32.0.1",
		"100.128.0.1", "2001:db8::1", "2a00::1" };
	static const char *const no[] = { "", "x", "10.1.2.3", "127.0.0.1", "172.16.0.1",
		"172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0",
		"224.0.0.1", "8.8.8.0/24", "::1", "fe80::1", "fd00::1", "2000::/3",
		"::ffff:10.0.0.1" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ck_assert_msg(vx_network_is_public(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_msg(!vx_network_is_public(no[i]), "%s", no[i]);
}
END_TEST

VXT_SUITE(test_network, "network", texts_come_back, what_is_none_is_refused,
    networks_have_their_addresses, an_owner_has_an_address_or_a_64, public_addresses)
