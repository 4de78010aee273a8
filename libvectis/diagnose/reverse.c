/* Where PTR records are set: what an address is called tells who rents it (DNS-35). */
#include "diagnose/diagnose.h"

#define NETCUP                                                                           \
	"netcup: in the Server Control Panel, the server, Network, the pencil beside "   \
	"the rDNS entry"
#define LINODE                                                                           \
	"Linode: in the Cloud Manager, the Linode, Network, the menu of the address, "   \
	"Edit RDNS; the name has to have its address record before"
#define SCALEWAY                                                                         \
	"Scaleway: in the console, the instance's flexible IP, Reverse DNS; the name "   \
	"has to have its address record before"
#define VULTR                                                                            \
	"Vultr: the instance, Settings, IPv4 or IPv6, Reverse DNS; it may take a day"
#define TIME4VPS "Time4VPS: in the client area, the server, Change hostname and rDNS"
#define OVH                                                                              \
	"OVH: in the control panel, Network, Public IP addresses, the menu of the "      \
	"address, Modify the reverse path; the name has to have its address record "     \
	"before"

static const struct {
	const char *suffix, *how;
} providers[] = {
	{ "your-server.de",
	    "Hetzner: in the Cloud Console, the server, Networking, the menu of the "
	    "address, Edit Reverse DNS; of a dedicated server in Robot, the server, "
	    "IPs" },
	{ "amazonaws.com",
	    "AWS: give the instance an Elastic IP, and in the EC2 console its Actions, "
	    "Update reverse DNS; port 25 is opened with the form \"Request to remove "
	    "email sending limitations\"" },
	{ "googleusercontent.com",
	    "Google Cloud: the instance's network interface, Public DNS PTR record; port "
	    "25 stays closed there, so that a relay has to be used" },
	{ "linodeusercontent.com", LINODE },
	{ "members.linode.com", LINODE },
	{ "vultrusercontent.com", VULTR },
	{ "vultr.com", VULTR },
	{ "upcloud.host",
	    "UpCloud: in the control panel, the server, Network, the address, Reverse "
	    "DNS name" },
	{ "scw.cloud", SCALEWAY },
	{ "poneytelecom.eu", SCALEWAY },
	{ "time4vps.cloud", TIME4VPS },
	{ "time4vps.eu", TIME4VPS },
	{ "contaboserver.net",
	    "Contabo: in the customer panel, Reverse DNS Management, the address" },
	{ "ovh.net", OVH },
	{ "ovh.ca", OVH },
	{ "yourvserver.net", NETCUP },
	{ "bestsrv.de", NETCUP },
	{ "goodsrv.de", NETCUP },
	{ "happysrv.de", NETCUP },
	{ "hotsrv.de", NETCUP },
	{ "luckysrv.de", NETCUP },
	{ "megasrv.de", NETCUP },
	{ "nicesrv.de", NETCUP },
	{ "powersrv.de", NETCUP },
	{ "quicksrv.de", NETCUP },
	{ "supersrv.de", NETCUP },
	{ "ultrasrv.de", NETCUP },
};

/* Words that providers of lines to homes have in the names of their customers. */
static const char *const lines[] = { "dsl", "adsl", "vdsl", "dyn", "dynamic", "dip",
	"dhcp", "dial", "dialup", "pool", "pools", "ppp", "pppoe", "cable", "cust",
	"customer", "customers", "home", "res", "broadband", "fios", "ftth", "mobile" };

/* Is it one of the words between '.' and '-', perhaps with digits behind it? */
static bool is_line(const char *name)
{
	while (*name != '\0') {
		const size_t len = strcspn(name, ".-"),
			     word = strcspn(name, ".-0123456789");

		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			if (vx_slice_eq_nocase(
				vx_slice_of(name, word), vx_slice_str(lines[i])))
				return true;
		name += len + (name[len] != '\0');
	}
	return false;
}

static const char *provider_of(const char *name)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (vx_dns_is_below(
			vx_slice_str(name), vx_slice_str(providers[i].suffix)))
			return providers[i].how;
	return NULL;
}

bool vx_diag_is_own_name(const char *name)
{
	return vx_dns_is_host(name) && vx_dns_labels(vx_slice_str(name)) > 1 &&
	       provider_of(name) == NULL && !is_line(name);
}

const char *vx_diag_reverse_hint(const char *name)
{
	const char *const how = provider_of(name);

	if (how != NULL)
		return how;
	if (*name == '\0')
		return "whoever rents you the address sets it; at DigitalOcean it is the "
		       "name of the droplet: give it the server's";
	if (is_line(name))
		return "it looks like a line to a home: ask who provides it, and if they "
		       "do not set it, send by a relay (vectisctl relay add)";
	return "whoever rents you the address sets it, not who serves your zone";
}
