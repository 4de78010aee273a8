/* One host per fault, before there is a mail server. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/diagnose.h"

static const char *const addresses[] = { "192.0.2.1", "2001:db8::1" };
static struct vx_diag_host host;
static struct vx_diag_holder ports[3];

static void reset(struct vx_diag_facts *f)
{
	ports[0] = (struct vx_diag_holder){ .port = 25 };
	ports[1] = (struct vx_diag_holder){ .port = 80, .held = true, .ours = true };
	ports[2] = (struct vx_diag_holder){ .port = 993 };
	host = (struct vx_diag_host){ .os_id = "debian",
		.os_version = "12",
		.os_name = "Debian GNU/Linux 12 (bookworm)",
		.cpus = 2,
		.ram_octets = 1930000000,
		.disk_free_octets = 20000000000,
		.disk_path = "/var/lib/vectis",
		.has_name = true,
		.ports = ports,
		.port_count = 3 };
	*f = (struct vx_diag_facts){ .struct_size = sizeof(*f),
		.domain = "mail.example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 2,
		.out25 = VX_DIAG_REACHED,
		.host = &host };
}

static void other_system(struct vx_diag_facts *f)
{
	(void)f;
	host.os_id = "ubuntu";
	host.os_version = "24.04";
}
static void old_system(struct vx_diag_facts *f)
{
	(void)f;
	host.os_version = "11";
}
static void no_system(struct vx_diag_facts *f)
{
	(void)f;
	host.os_id = host.os_version = host.os_name = "";
}
static void one_cpu(struct vx_diag_facts *f)
{
	(void)f;
	host.cpus = 1;
}
static void little_memory(struct vx_diag_facts *f)
{
	(void)f;
	host.ram_octets = 1700000000;
}
static void no_memory(struct vx_diag_facts *f)
{
	(void)f;
	host.ram_octets = 512000000;
}
static void little_disk(struct vx_diag_facts *f)
{
	(void)f;
	host.disk_free_octets = 19900000000;
}
static void no_disk(struct vx_diag_facts *f)
{
	(void)f;
	host.disk_free_octets = 9000000000;
}
static void only6(struct vx_diag_facts *f)
{
	f->addresses = &addresses[1];
	f->address_count = 1;
}
static void only4(struct vx_diag_facts *f)
{
	f->address_count = 1;
}
static void no_address(struct vx_diag_facts *f)
{
	f->address_count = 0;
}
static void no_name(struct vx_diag_facts *f)
{
	host.has_name = false;
	f->hostname = f->domain = "mail.invalid";
}
static void elsewhere(struct vx_diag_facts *f)
{
	f->hostname = f->domain = "old.example.net";
}
static void proxied(struct vx_diag_facts *f)
{
	f->hostname = f->domain = "proxied.example.net";
}
static void held(struct vx_diag_facts *f)
{
	(void)f;
	ports[0].held = true;
	(void)strcpy(ports[0].process, "master (711)");
}
static void held_by_whom(struct vx_diag_facts *f)
{
	(void)f;
	ports[2].held = true;
}
static void blocked(struct vx_diag_facts *f)
{
	f->out25 = VX_DIAG_SILENT;
}

static const struct {
	const char *name;
	enum vx_diag_verdict verdict;
	void (*tweak)(struct vx_diag_facts *f);
	const char *seen, *fix;
} rows[] = {
	{ "pre.os", VX_DIAG_PASS, NULL, "bookworm", "" },
	{ "pre.os", VX_DIAG_WARN, other_system, "", "Debian 12" },
	{ "pre.os", VX_DIAG_WARN, old_system, "", "Debian 12" },
	{ "pre.os", VX_DIAG_WARN, no_system, "no known system", "Debian 12" },
	{ "pre.cpu", VX_DIAG_WARN, one_cpu, "1", "2" },
	{ "pre.memory", VX_DIAG_PASS, NULL, "1.9 GB", "" },
	{ "pre.memory", VX_DIAG_WARN, little_memory, "1.7 GB", "2 GB" },
	{ "pre.memory", VX_DIAG_FAIL, no_memory, "0.5 GB", "2 GB" },
	{ "pre.disk", VX_DIAG_PASS, NULL, "20.0 GB free for /var/lib/vectis", "" },
	{ "pre.disk", VX_DIAG_WARN, little_disk, "19.9 GB", "20 GB" },
	{ "pre.disk", VX_DIAG_FAIL, no_disk, "9.0 GB", "20 GB" },
	{ "pre.address", VX_DIAG_PASS, NULL, "192.0.2.1, 2001:db8::1", "" },
	{ "pre.address", VX_DIAG_INFO, only4, "no IPv6", "" },
	{ "pre.address", VX_DIAG_WARN, only6, "2001:db8::1", "IPv4" },
	{ "pre.address", VX_DIAG_WARN, no_address, "no interface", "dns.addresses" },
	{ "dns.host", VX_DIAG_NA, no_address, "skipped", "" },
	{ "dns.host", VX_DIAG_NA, no_name, "--hostname", "" },
	{ "dns.host", VX_DIAG_WARN, elsewhere, "198.51.100.7",
	    "old.example.net A 192.0.2.1" },
	{ "dns.host", VX_DIAG_PASS, NULL, "192.0.2.1", "" },
	{ "dns.host", VX_DIAG_WARN, proxied, "Cloudflare", "DNS only" },
	{ "pre.ports", VX_DIAG_PASS, NULL, "25, 80 (ours), 993 are free", "" },
	{ "pre.ports", VX_DIAG_FAIL, held, "25 is held by master (711)", "stop master" },
	{ "pre.ports", VX_DIAG_FAIL, held_by_whom, "993 is held", "as root" },
	{ "net.out25", VX_DIAG_WARN, blocked, "dropped", "relay" },
};

static struct vx_diag *look(const struct vx_diag_facts *f)
{
	static struct vxt_zone z;
	struct vx_dns_question q[20];
	struct vx_diag *d;
	size_t n;

	vxt_zone_init(&z);
	vxt_zone_add(&z, "mail.example.net", VX_DNS_A, "192.0.2.1");
	vxt_zone_add(&z, "mail.example.net", VX_DNS_AAAA, "2001:db8::1");
	vxt_zone_add(&z, "old.example.net", VX_DNS_A, "198.51.100.7");
	vxt_zone_add(&z, "proxied.example.net", VX_DNS_A, "104.16.7.7");
	vxt_assert_ok(vx_diag_new(f, &d));
	while ((n = vx_diag_ask(d, q, 20)) > 0)
		for (size_t i = 0; i < n; i++) {
			const struct vx_dns_answer a = vxt_zone_answer(&z, &q[i]);

			vxt_assert_ok(vx_diag_answer(d, &q[i], &a));
		}
	vx_diag_run(d);
	vxt_zone_done(&z);
	return d;
}

/* The one that is meant, and no other alarm. */
START_TEST(each_fault_of_a_host)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vx_diag_finding *f;
		struct vx_diag_facts facts;
		struct vx_diag *d;
		bool met = false;

		reset(&facts);
		if (rows[i].tweak != NULL)
			rows[i].tweak(&facts);
		d = look(&facts);
		for (size_t k = 0; (f = vx_diag_finding(d, k)) != NULL; k++) {
			const bool is = strcmp(f->name, rows[i].name) == 0;

			ck_assert(f->seen[0] != '\0');
			if (!is && rows[i].tweak != only6 && rows[i].tweak != only4 &&
			    rows[i].tweak != no_address)
				ck_assert_msg(
				    f->verdict < VX_DIAG_WARN || f->verdict == VX_DIAG_NA,
				    "row %zu: %s, too: %s", i, f->name, f->seen);
			if (!is)
				continue;
			met = true;
			ck_assert_msg(f->verdict == rows[i].verdict &&
					  strstr(f->seen, rows[i].seen) != NULL &&
					  strstr(f->fix, rows[i].fix) != NULL,
			    "row %zu, %s: %s, %s, %s", i, f->name,
			    vx_diag_verdict_name(f->verdict), f->seen, f->fix);
			if (f->verdict == VX_DIAG_WARN || f->verdict == VX_DIAG_FAIL)
				ck_assert(f->fix[0] != '\0' && f->why[0] != '\0');
		}
		ck_assert(met);
		vx_diag_free(d);
	}
}
END_TEST

START_TEST(edges)
{
	static const struct {
		const char *address;
		bool is;
	} edge[] = { { "104.16.0.0", true }, { "104.27.255.255", true },
		{ "104.15.255.255", false }, { "104.28.0.0", false },
		{ "172.64.0.1", true }, { "172.80.0.1", false }, { "2606:4700::1", true },
		{ "2a06:98c7::1", true }, { "2a06:98c8::1", false },
		{ "192.0.2.1", false }, { "x", false } };

	for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++)
		ck_assert_msg(vx_diag_is_cloudflare(edge[i].address) == edge[i].is, "%s",
		    edge[i].address);
}
END_TEST

START_TEST(names_of_addresses)
{
	static const struct {
		const char *name, *hint;
		bool own;
	} names[] = { { "", "the name of the droplet", false },
		{ "mail.example.net", "whoever rents", true },
		{ "static.9.113.0.203.clients.your-server.de", "Hetzner", false },
		{ "ec2-203-0-113-9.eu-west-1.compute.amazonaws.com", "Elastic", false },
		{ "9.113.0.203.bc.googleusercontent.com", "relay", false },
		{ "203-0-113-9.ip.linodeusercontent.com", "Linode", false },
		{ "203.0.113.9.vultrusercontent.com", "a day", false },
		{ "203-0-113-9.de-fra1.upcloud.host", "UpCloud", false },
		{ "203-0-113-9.rev.poneytelecom.eu", "Scaleway", false },
		{ "v2202611.quicksrv.de", "netcup", false },
		{ "vps-1a2b.vps.ovh.net", "OVH", false },
		{ "203-0-113-9.cloud.time4vps.eu", "Time4VPS", false },
		{ "p5dcc1.dip0.t-ipconnect.de", "line to a home", false },
		{ "pool-203-0-113-9.nyc.fios.example", "line to a home", false },
		{ "cpe-203-0-113-9.dyn7.example", "line to a home", false },
		/* words within others */
		{ "mail.poolparty.example", "whoever rents", true },
		{ "mail.reseller.example", "whoever rents", true },
		{ "your-server.de.example.net", "whoever rents", true },
		{ "localhost", "whoever rents", false },
		{ "a b.example.net", "whoever rents", false } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_msg(
		    strstr(vx_diag_reverse_hint(names[i].name), names[i].hint) != NULL,
		    "%s: %s", names[i].name, vx_diag_reverse_hint(names[i].name));
		ck_assert_msg(vx_diag_is_own_name(names[i].name) == names[i].own, "%s",
		    names[i].name);
	}
}
END_TEST

VXT_SUITE(test_host, "host", each_fault_of_a_host, edges, names_of_addresses)
