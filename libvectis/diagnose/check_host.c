/* Whether a host is fit for a mail server, before there is one (DX-OP-26, DX-OP-01). */
#include "diagnose/diagnose.h"

#define GB UINT64_C(1000000000)
#define CPUS_WANTED 2
/* a host of 2 GB says that it has less: the kernel takes a part for itself */
#define RAM_WANTED (2 * GB - 2 * GB / 10)
#define DISK_WANTED (20 * GB)
#define DEBIAN_TESTED 12

/* "12", "12.5": 12; anything else is none that was tested. */
static bool is_tested(const struct vx_diag_host *h)
{
	vx_slice rest = vx_slice_str(h->os_version), major;
	uint64_t n;

	(void)vx_slice_cut(&rest, '.', &major);
	return strcmp(h->os_id, "debian") == 0 &&
	       vx_slice_number(major, UINT32_MAX, &n) == VX_OK && n >= DEBIAN_TESTED;
}

static enum vx_diag_verdict os(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_host *h = d->f.host;

	vx_diag_seen(f, "%.200s", *h->os_name != '\0' ? h->os_name : "no known system");
	if (is_tested(h))
		return VX_DIAG_PASS;
	vx_diag_fix(f, "Debian %d is what this is made and tested for", DEBIAN_TESTED);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict cpu(struct vx_diag *d, struct vx_diag_finding *f)
{
	vx_diag_seen(f, "%u", d->f.host->cpus);
	if (d->f.host->cpus >= CPUS_WANTED)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "give it %d", CPUS_WANTED);
	return VX_DIAG_WARN;
}

/* Less than is wanted is slow; less than half of it will not do. */
static enum vx_diag_verdict enough(
    struct vx_diag_finding *f, uint64_t there, uint64_t wanted, const char *fix)
{
	vx_diag_seen(f, "%llu.%llu GB", (unsigned long long)(there / GB),
	    (unsigned long long)(there % GB / (GB / 10)));
	if (there >= wanted)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "%s", fix);
	return there < wanted / 2 ? VX_DIAG_FAIL : VX_DIAG_WARN;
}

static enum vx_diag_verdict memory(struct vx_diag *d, struct vx_diag_finding *f)
{
	return enough(f, d->f.host->ram_octets, RAM_WANTED, "give it 2 GB");
}

static enum vx_diag_verdict disk(struct vx_diag *d, struct vx_diag_finding *f)
{
	const enum vx_diag_verdict v = enough(f, d->f.host->disk_free_octets, DISK_WANTED,
	    "make 20 GB free there, or set state_dir to where there are");

	vx_diag_seen(f, " free for %.200s", d->f.host->disk_path);
	return v;
}

static enum vx_diag_verdict addresses(struct vx_diag *d, struct vx_diag_finding *f)
{
	size_t v4 = 0, v6 = 0;

	for (size_t i = 0; i < d->f.address_count; i++) {
		*(strchr(d->f.addresses[i], ':') != NULL ? &v6 : &v4) += 1;
		vx_diag_seen(f, "%s%s", i > 0 ? ", " : "", d->f.addresses[i]);
	}
	if (v4 + v6 == 0) {
		vx_diag_seen(f, "no interface has a public address");
		vx_diag_fix(f, "set dns.addresses to those by which the world reaches "
			       "this host; without one, it cannot receive mail");
		return VX_DIAG_WARN;
	}
	if (v4 == 0) {
		vx_diag_fix(f, "get an IPv4 address: many servers have no other");
		return VX_DIAG_WARN;
	}
	if (v6 == 0)
		vx_diag_seen(f, "; no IPv6, which is no fault");
	return v6 == 0 ? VX_DIAG_INFO : VX_DIAG_PASS;
}

/* Before the records are made, what is not right yet is no failure. */
static enum vx_diag_verdict soften(enum vx_diag_verdict v)
{
	return v == VX_DIAG_FAIL ? VX_DIAG_WARN : v;
}

static enum vx_diag_verdict name(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!d->f.host->has_name) {
		vx_diag_seen(f, "skipped: give --hostname and the name that this server "
				"is to have");
		return VX_DIAG_NA;
	}
	if (d->f.address_count == 0) {
		vx_diag_seen(f, "skipped: no public address is known to compare with");
		return VX_DIAG_NA;
	}
	if (vx_diag_is_proxied(d)) {
		vx_diag_seen(f, "%s leads to Cloudflare's proxies", d->f.hostname);
		vx_diag_fix(
		    f, "set the A and AAAA records of %s to \"DNS only\"", d->f.hostname);
		return VX_DIAG_WARN;
	}
	return soften(vx_diag_check_host(d, f));
}

static enum vx_diag_verdict out25(struct vx_diag *d, struct vx_diag_finding *f)
{
	return soften(vx_diag_check_out25(d, f));
}

static enum vx_diag_verdict free_ports(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_host *h = d->f.host;
	enum vx_diag_verdict v = VX_DIAG_PASS;

	for (size_t i = 0; i < h->port_count; i++) {
		const struct vx_diag_holder *p = &h->ports[i];

		if (!p->held || p->ours)
			continue;
		vx_diag_seen(f, "%u is held by %.80s; ", (unsigned)p->port,
		    *p->process != '\0' ? p->process : "a process that only root sees");
		if (*p->process != '\0')
			vx_diag_fix(f, "stop %.80s and keep it from starting again; ",
			    p->process);
		else
			vx_diag_fix(
			    f, "see as root whose port %u is; ", (unsigned)p->port);
		v = VX_DIAG_FAIL;
	}
	if (v == VX_DIAG_FAIL)
		return v;
	for (size_t i = 0; i < h->port_count; i++)
		vx_diag_seen(f, "%s%u%s", i > 0 ? ", " : "", (unsigned)h->ports[i].port,
		    h->ports[i].ours ? " (ours)" : "");
	vx_diag_seen(f, "%s", h->port_count > 0 ? " are free" : "none is wanted");
	return v;
}

const struct vx_diag_row vx_diag_preflight_rows[] = {
	{ "DX-OP-26", "pre.os", "a system that this is made for", os,
	    "what it needs may be missing, or too old", "none" },
	{ "DX-OP-26", "pre.cpu", "processors", cpu, "it is slow when much comes at once",
	    "none" },
	{ "DX-OP-26", "pre.memory", "memory", memory,
	    "processes are killed when much comes at once", "none" },
	{ "DX-OP-26", "pre.disk", "room for mail", disk,
	    "mail is refused when the disk is full", "none" },
	{ "DX-OP-26", "pre.address", "public addresses", addresses,
	    "others reach this host by them", "none" },
	{ "DX-OP-26", "dns.host", "the server's name leads to it", name,
	    "mail and clients do not find the server", "5 minutes" },
	{ "DX-OP-26", "pre.ports", "ports are free", free_ports,
	    "the daemons cannot listen there", "none" },
	{ "DX-OP-01", "net.out25", "other servers can be reached", out25,
	    "mail cannot leave", "up to days" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
