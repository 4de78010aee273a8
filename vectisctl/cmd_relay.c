/* relay: servers that mail is given to instead of where its MX records point. */
#include "vectis/crypto.h"
#include "vectisctl/dial.h"

#include <stdio.h>
#include <string.h>

#define PORT_STARTTLS 587
#define PORT_IMPLICIT 465
#define LIST_MAX 16384

static const char *const tls_words[] = { [VX_RELAY_STARTTLS] = "starttls",
	[VX_RELAY_IMPLICIT] = "implicit",
	[VX_RELAY_OFFERED] = "offered" };

/* What add and set work on. */
struct wanted {
	struct vx_relay relay;
	struct vx_buf host, domains, destinations, user, password; /* own */
};

static void free_wanted(struct wanted *w)
{
	vx_buf_done(&w->host);
	vx_buf_done(&w->domains);
	vx_buf_done(&w->destinations);
	vx_buf_done(&w->user);
	vx_buf_wipe(&w->password);
}

static struct wanted new_wanted(void)
{
	return (struct wanted){ .host = { .max = VX_DNS_NAME_MAX },
		.domains = { .max = LIST_MAX },
		.destinations = { .max = LIST_MAX },
		.user = { .max = VX_RELAY_USER_MAX },
		.password = { .max = VX_RELAY_PASSWORD_MAX } };
}

static int no_relay(struct ctl *c, int rc)
{
	return ctl_fail(c, CTL_FAILED,
	    rc == VX_ENOENT ? "there is no relay %s" : "the relay %s cannot be read",
	    c->args[0]);
}

/* --- words -----------------------------------------------------------------------------
 */

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT; an IPv4 address needs no brackets. */
static int take_host(struct ctl *c, const char *text, struct wanted *w)
{
	vx_slice rest = vx_slice_str(text), host;
	const size_t end = text[0] == '[' ? vx_slice_find(rest, ']') : 0;
	const size_t colon =
	    end + vx_slice_find(vx_slice_from(rest, end < rest.len ? end : 0), ':');
	struct vx_buf bare = { .max = VX_DNS_NAME_MAX };
	uint64_t port = 0;
	int status = CTL_OK;

	host = vx_slice_head(rest, colon);
	if (strspn(text, "0123456789.") == host.len)
		vx_buf_printf(&bare, "[%.*s]", (int)host.len, host.ptr);
	else
		vx_buf_add(&bare, host);
	vx_buf_reset(&w->host);
	if (colon < rest.len &&
	    (vx_slice_number(vx_slice_from(rest, colon + 1), 65535, &port) != VX_OK ||
		port == 0))
		status = ctl_fail(
		    c, CTL_USAGE, "%s: the port is a number from 1 to 65535", text);
	else if (vx_relay_host(vx_buf_slice(&bare), &w->host) != VX_OK)
		status = ctl_fail(c, CTL_USAGE,
		    "%s is no host: a name or an address, [2001:db8::1] in brackets, and "
		    "perhaps :PORT",
		    text);
	w->relay.host = vx_buf_slice(&w->host);
	if (status == CTL_OK && port != 0)
		w->relay.port = (uint16_t)port;
	vx_buf_done(&bare);
	return status;
}

static int take_tls(struct ctl *c, struct wanted *w)
{
	const char *word = ctl_option(c, "--tls");

	if (word == NULL)
		return CTL_OK;
	for (size_t i = 0; i < sizeof(tls_words) / sizeof(tls_words[0]); i++) {
		if (strcmp(word, tls_words[i]) != 0)
			continue;
		w->relay.tls = (enum vx_relay_tls)i;
		return CTL_OK;
	}
	return ctl_fail(
	    c, CTL_USAGE, "--tls is starttls, implicit or offered, not \"%s\"", word);
}

static int take_lists(struct ctl *c, struct wanted *w)
{
	const char *domains = ctl_option(c, "--domain"), *to = ctl_option(c, "--to");
	vx_slice bad;

	if (domains != NULL) {
		vx_buf_reset(&w->domains);
		if (vx_relay_domains(vx_slice_str(domains), &w->domains, &bad) != VX_OK)
			return ctl_fail(c, CTL_USAGE,
			    "--domain: %.*s is no domain, or one "
			    "too many (at most %d)",
			    (int)bad.len, bad.ptr, VX_RELAY_LIST_MAX);
		w->relay.domains = vx_buf_slice(&w->domains);
	}
	if (to != NULL) {
		vx_buf_reset(&w->destinations);
		if (vx_relay_destinations(vx_slice_str(to), &w->destinations, &bad) !=
		    VX_OK)
			return ctl_fail(c, CTL_USAGE,
			    "--to: %.*s is no pattern, or one too many (at most %d): "
			    "a.net, *.a.net, mx:a.net",
			    (int)bad.len, bad.ptr, VX_RELAY_LIST_MAX);
		w->relay.destinations = vx_buf_slice(&w->destinations);
	}
	return CTL_OK;
}

static int take_connections(struct ctl *c, struct wanted *w)
{
	const char *text = ctl_option(c, "--connections");
	uint64_t n;

	if (text == NULL)
		return CTL_OK;
	if (vx_slice_number(vx_slice_str(text), 1000, &n) != VX_OK)
		return ctl_fail(c, CTL_USAGE,
		    "--connections is a number up to 1000, 0 for as many as to any "
		    "destination, not \"%s\"",
		    text);
	w->relay.connections = (uint32_t)n;
	return CTL_OK;
}

/* The password is never an argument: others see those. */
static int take_login(struct ctl *c, struct wanted *w)
{
	const char *user = ctl_option(c, "--user");
	const bool given = ctl_option(c, "--password-fd") != NULL ||
			   ctl_option(c, "--password-file") != NULL;
	int status = CTL_OK;

	if (user != NULL) {
		vx_buf_reset(&w->user);
		vx_buf_add_str(&w->user, user);
		if (w->user.failed)
			return ctl_fail(c, CTL_USAGE, "--user has at most %d octets",
			    VX_RELAY_USER_MAX);
		w->relay.user = vx_buf_slice(&w->user);
		if (*user == '\0') {
			w->relay.password = vx_slice_of("", 0);
			return given ? ctl_fail(c, CTL_USAGE,
					   "without a user there is no password")
				     : CTL_OK;
		}
	}
	if (given && w->relay.user.len == 0)
		return ctl_fail(c, CTL_USAGE, "a password needs --user");
	if (given || (user != NULL && w->relay.user.len > 0)) {
		vx_buf_wipe(&w->password);
		status = ctl_read_password(c, "The relay's password: ", &w->password);
		w->relay.password = vx_buf_slice(&w->password);
	}
	return status;
}

static int take_options(struct ctl *c, struct wanted *w)
{
	int status = take_tls(c, w);

	if (status == CTL_OK)
		status = take_lists(c, w);
	if (status == CTL_OK)
		status = take_connections(c, w);
	return status;
}

static int check_domains(struct ctl *c, const struct vx_relay *r)
{
	vx_slice rest = r->domains, domain;

	while (rest.len > 0) {
		struct vx_domain d;
		struct vx_view *v;
		int rc;

		(void)vx_slice_cut(&rest, '\n', &domain);
		if (vx_view_begin(c->store, &v) != VX_OK)
			return ctl_fail(c, CTL_FAILED, "the store cannot be read");
		rc = vx_directory_domain(v, domain, &d);
		vx_view_end(v);
		if (rc == VX_ENOENT)
			return ctl_fail(c, CTL_FAILED,
			    "the domain %.*s is not hosted here: vectisctl domain add "
			    "%.*s",
			    (int)domain.len, domain.ptr, (int)domain.len, domain.ptr);
	}
	return CTL_OK;
}

static int submit(
    struct ctl *c, enum vx_relay_verb verb, const struct wanted *w, const char *done)
{
	struct vx_relay_op op;
	int rc;

	if (w->relay.user.len > 0 && w->relay.tls == VX_RELAY_OFFERED)
		return ctl_fail(c, CTL_USAGE,
		    "a login needs TLS that is checked: --tls starttls or implicit");
	vx_relay_op_init(&op, verb);
	op.relay = w->relay;
	rc = vx_store_run(c->store, &op.op);
	if (rc == VX_ECONFLICT)
		return ctl_fail(c, CTL_FAILED,
		    "the relay %s is for the same mail already: give other --domain or "
		    "--to",
		    op.other);
	if (rc == VX_ELIMIT)
		return ctl_fail(c, CTL_USAGE,
		    "too many: at most %d relays, and %d pairs of --domain and --to of "
		    "one",
		    VX_RELAYS_MAX, VX_RELAY_RULES_MAX);
	return ctl_done(c, rc, done, c->args[0]);
}

/* --- commands --------------------------------------------------------------------------
 */

static int relay_add(struct ctl *c)
{
	struct wanted w = new_wanted();
	int status = take_host(c, c->args[1], &w);

	if (status == CTL_OK && !vx_relay_name_ok(vx_slice_str(c->args[0])))
		status = ctl_fail(c, CTL_USAGE,
		    "%s is no name for a relay: at most %d lower-case letters, digits, "
		    "'-' "
		    "and '_'",
		    c->args[0], VX_RELAY_NAME_MAX);
	w.relay.name = vx_slice_str(c->args[0]);
	if (w.relay.port == PORT_IMPLICIT)
		w.relay.tls = VX_RELAY_IMPLICIT;
	if (status == CTL_OK)
		status = take_options(c, &w);
	if (w.relay.port == 0)
		w.relay.port =
		    w.relay.tls == VX_RELAY_IMPLICIT ? PORT_IMPLICIT : PORT_STARTTLS;
	if (status == CTL_OK)
		status = check_domains(c, &w.relay);
	if (status == CTL_OK)
		status = take_login(c, &w);
	if (status == CTL_OK)
		status = submit(c, VX_RELAY_ADD, &w, "relay added");
	if (status == CTL_OK)
		ctl_say(c,
		    "It has to take every address of the domains that send by it: "
		    "verify whole domains there.\nTry it: vectisctl relay test %s",
		    c->args[0]);
	free_wanted(&w);
	return status;
}

/* What is there already, in memory of our own. */
static int load(struct ctl *c, struct wanted *w)
{
	struct vx_relay r;
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc == VX_OK) {
		rc = vx_relay_get(v, vx_slice_str(c->args[0]), &r);
		if (rc == VX_OK) {
			w->relay = r;
			vx_buf_add(&w->host, r.host);
			vx_buf_add(&w->user, r.user);
			vx_buf_add(&w->password, r.password);
			vx_buf_add(&w->domains, r.domains);
			vx_buf_add(&w->destinations, r.destinations);
		}
		vx_view_end(v);
	}
	if (rc != VX_OK)
		return no_relay(c, rc);
	w->relay.name = vx_slice_str(c->args[0]);
	w->relay.host = vx_buf_slice(&w->host);
	w->relay.user = vx_buf_slice(&w->user);
	w->relay.password = vx_buf_slice(&w->password);
	w->relay.domains = vx_buf_slice(&w->domains);
	w->relay.destinations = vx_buf_slice(&w->destinations);
	return CTL_OK;
}

static int relay_set(struct ctl *c)
{
	const char *host = ctl_option(c, "--host");
	struct wanted w = new_wanted();
	int status = load(c, &w);

	if (status == CTL_OK && c->option_count == 0)
		status = ctl_fail(c, CTL_USAGE,
		    "nothing to change; vectisctl relay set --help lists the options");
	if (status == CTL_OK && host != NULL)
		status = take_host(c, host, &w);
	if (status == CTL_OK)
		status = take_options(c, &w);
	if (status == CTL_OK)
		status = check_domains(c, &w.relay);
	if (status == CTL_OK)
		status = take_login(c, &w);
	if (status == CTL_OK)
		status = submit(c, VX_RELAY_SET, &w, "relay changed");
	free_wanted(&w);
	return status;
}

static int relay_remove(struct ctl *c)
{
	struct vx_relay_op op;
	int rc;

	vx_relay_op_init(&op, VX_RELAY_REMOVE);
	op.relay.name = vx_slice_str(c->args[0]);
	rc = vx_store_run(c->store, &op.op);
	return rc == VX_ENOENT ? no_relay(c, rc)
			       : ctl_done(c, rc, "relay removed", c->args[0]);
}

/* Lines as a list, and as text with commas. */
static json_t *lines(vx_slice rest, struct vx_buf *text)
{
	json_t *list = json_array();
	vx_slice line;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		(void)json_array_append_new(list, ctl_text(line));
		if (text->len > 0)
			vx_buf_add_char(text, ',');
		vx_buf_add(text, line);
	}
	return list;
}

static json_t *relay_json(
    const struct vx_relay *r, struct vx_buf *domains, struct vx_buf *destinations)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "name", ctl_text(r->name));
	(void)json_object_set_new(j, "host", ctl_text(r->host));
	(void)json_object_set_new(j, "port", json_integer(r->port));
	(void)json_object_set_new(j, "tls", json_string(tls_words[r->tls]));
	(void)json_object_set_new(j, "user", ctl_text(r->user));
	(void)json_object_set_new(j, "connections", json_integer(r->connections));
	(void)json_object_set_new(j, "created", json_integer((json_int_t)r->created));
	(void)json_object_set_new(j, "domains", lines(r->domains, domains));
	(void)json_object_set_new(
	    j, "destinations", lines(r->destinations, destinations));
	return j;
}

static int next_relay(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_buf domains = { .max = LIST_MAX }, to = { .max = LIST_MAX };
	struct vx_relay r;
	const int rc = vx_relay_next(v, vx_slice_str(after), &r);

	if (rc != VX_OK)
		return rc;
	ctl_keep(after, r.name);
	(void)json_array_append_new(items, relay_json(&r, &domains, &to));
	ctl_say(c, "%-20s %.*s:%u %s%s%.*s%s%.*s%s%.*s", after, (int)r.host.len,
	    r.host.ptr, r.port, tls_words[r.tls],
	    r.user.len > 0 ? ", login " : ", no login", (int)r.user.len,
	    r.user.len > 0 ? r.user.ptr : "", domains.len > 0 ? ", of " : "",
	    (int)domains.len, domains.len > 0 ? domains.ptr : "",
	    to.len > 0 ? ", to " : "", (int)to.len, to.len > 0 ? to.ptr : "");
	vx_buf_done(&domains);
	vx_buf_done(&to);
	return VX_OK;
}

static int relay_list(struct ctl *c)
{
	return ctl_list(c, "relays", next_relay);
}

/* --- trying ----------------------------------------------------------------------------
 */

/* Any local part of a domain that sends by it has to be taken (OUT-11). */
static int test_sender(struct ctl *c, const struct vx_relay *r, struct vx_buf *out)
{
	unsigned char random[4];
	vx_slice domain = r->domains;
	struct vx_domain d;
	struct vx_view *v;
	int rc;

	vx_random(random, sizeof(random));
	vx_buf_printf(out, "relay-test-%02x%02x%02x%02x@", random[0], random[1],
	    random[2], random[3]);
	if (domain.len > 0) {
		vx_buf_add(out, vx_slice_head(domain, vx_slice_find(domain, '\n')));
	} else {
		rc = vx_view_begin(c->store, &v);
		if (rc == VX_OK) {
			rc = vx_directory_host_domain(
			    v, vx_slice_str(c->config->hostname), &d);
			if (rc == VX_OK)
				vx_buf_add(out, d.name);
			vx_view_end(v);
		}
		if (rc != VX_OK)
			return ctl_fail(c, CTL_FAILED, "there is no domain that sends");
	}
	return CTL_OK;
}

static int relay_test(struct ctl *c)
{
	const char *from = ctl_option(c, "--from"), *to = ctl_option(c, "--to");
	struct vx_buf sender = { .max = 2 * VX_ADDRESS_MAX };
	struct wanted w = new_wanted();
	struct ctl_dial d = { .to = to, .address = ctl_option(c, "--address") };
	int status = load(c, &w);

	if (status == CTL_OK && from != NULL && to == NULL)
		status = ctl_fail(c, CTL_USAGE, "--from needs --to");
	if (status == CTL_OK && to != NULL && strchr(to, '@') == NULL)
		status = ctl_fail(c, CTL_USAGE, "%s is no address: NAME@DOMAIN", to);
	if (status == CTL_OK && from != NULL)
		vx_buf_add_str(&sender, from);
	else if (status == CTL_OK && to != NULL)
		status = test_sender(c, &w.relay, &sender);
	vx_buf_add_char(&w.host, '\0');
	d.host = w.host.ptr;
	d.port = w.relay.port;
	d.tls = w.relay.tls;
	d.user = w.relay.user;
	d.password = w.relay.password;
	d.from = sender.len > 0 ? sender.ptr : "";
	if (status == CTL_OK)
		status = ctl_dial(c, &d);
	(void)json_object_set_new(c->result, "ok", json_boolean(status == CTL_OK));
	vx_buf_done(&sender);
	free_wanted(&w);
	return status;
}

const struct ctl_command ctl_relay_commands[] = {
	{ "relay", "add", relay_add, NEEDS_STORE, 2, 2,
	    "NAME HOST[:PORT] [--tls starttls|implicit|offered] "
	    "[--user USER] [--password-fd N | --password-file FILE] "
	    "[--domain DOMAIN,...] [--to PATTERN,...] [--connections N]",
	    "give mail to a relay; without --user it knows this server by its address" },
	{ "relay", "set", relay_set, NEEDS_STORE, 1, 1,
	    "NAME [--host HOST[:PORT]] [--tls starttls|implicit|offered] "
	    "[--user USER] [--password-fd N | --password-file FILE] "
	    "[--domain DOMAIN,...] [--to PATTERN,...] [--connections N]",
	    "change a relay" },
	{ "relay", "remove", relay_remove, NEEDS_STORE, 1, 1, "NAME",
	    "forget a relay; its mail goes another way from now on" },
	{ "relay", "list", relay_list, NEEDS_STORE_READ, 0, 0, "", "list the relays" },
	{ "relay", "test", relay_test, NEEDS_STORE_READ, 1, 1,
	    "NAME [--to ADDRESS] [--from ADDRESS] [--address ADDRESS]",
	    "connect, log in, and ask whether it takes mail; nothing is sent" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
