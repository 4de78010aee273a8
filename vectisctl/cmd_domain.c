/* domain, alias, and what they share with mailbox */
#include "vectisctl/dns.h"
#include "vectisctl/verify.h"

#include "vectis/address.h"
#include "vectis/sending.h"

#include <stdio.h>
#include <string.h>

int ctl_find_account(struct ctl *c, vx_slice login, struct vx_account *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc == VX_OK) {
		rc = vx_directory_account(v, login, out);
		vx_view_end(v);
	}
	return rc;
}

static int find_domain(struct ctl *c, vx_slice name, struct vx_domain *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc == VX_OK) {
		rc = vx_directory_domain(v, name, out);
		vx_view_end(v);
	}
	return rc;
}

int ctl_find_domain(struct ctl *c, const char *name)
{
	struct vx_domain d;
	const int rc = find_domain(c, vx_slice_str(name), &d);

	return rc == VX_OK ? CTL_OK : ctl_done(c, rc, "", name);
}

int ctl_find_own_domain(struct ctl *c, vx_slice address)
{
	const size_t at = vx_slice_rfind(address, '@');
	const vx_slice name = vx_slice_from(address, at + 1);
	struct vx_domain d;
	int rc;

	if (at == address.len)
		return ctl_fail(c, CTL_USAGE, "%.*s is no address: NAME@DOMAIN",
		    (int)address.len, address.ptr);
	rc = find_domain(c, name, &d);
	if (rc == VX_ENOENT)
		return ctl_fail(c, CTL_FAILED,
		    "the domain %.*s is not hosted here: vectisctl domain add %.*s",
		    (int)name.len, name.ptr, (int)name.len, name.ptr);
	if (rc != VX_OK)
		return ctl_fail(c, rc == VX_EINVAL ? CTL_USAGE : CTL_FAILED, "%.*s: %s",
		    (int)name.len, name.ptr,
		    rc == VX_EINVAL ? "not a valid domain" : vx_strerror(rc));
	return CTL_OK;
}

/* VX_OK; VX_ENOENT: one of our domains, but no mailbox; VX_EINVAL. */
static int check_target(struct ctl *c, vx_slice target, bool elsewhere)
{
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	struct vx_account a;
	struct vx_domain d;
	int rc = vx_directory_normalise(target, &key);

	if (rc == VX_OK) {
		rc = ctl_find_account(c, vx_buf_slice(&key), &a);
		if (rc == VX_ENOENT && elsewhere) {
			const vx_slice s = vx_buf_slice(&key);

			rc = find_domain(
			    c, vx_slice_from(s, vx_slice_rfind(s, '@') + 1), &d);
			rc = rc == VX_OK ? VX_ENOENT : rc == VX_ENOENT ? VX_OK : rc;
		}
	}
	vx_buf_done(&key);
	return rc;
}

int ctl_check_targets(
    struct ctl *c, const vx_slice *targets, size_t count, bool elsewhere)
{
	for (size_t i = 0; i < count; i++) {
		const int rc = check_target(c, targets[i], elsewhere);

		if (rc == VX_EINVAL)
			return ctl_fail(c, CTL_USAGE, "%.*s is no address",
			    (int)targets[i].len, targets[i].ptr);
		if (rc == VX_ENOENT)
			return ctl_fail(c, CTL_FAILED, "there is no mailbox %.*s%s",
			    (int)targets[i].len, targets[i].ptr,
			    elsewhere ? " (an alias cannot lead to an alias)" : "");
		if (rc != VX_OK)
			return ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
	}
	return CTL_OK;
}

/* Targets as the store has them: a JSON list, and text with commas if out is there. */
static json_t *target_list(vx_slice targets, struct vx_buf *out)
{
	json_t *list = json_array();
	vx_slice target;

	while (vx_directory_target(&targets, &target)) {
		(void)json_array_append_new(list, ctl_text(target));
		if (out->len > 0)
			vx_buf_add_char(out, ',');
		vx_buf_add(out, target);
	}
	return list;
}

/* --- domain ----------------------------------------------------------------------- */

static void add_record(
    struct ctl *c, json_t *list, const char *name, const char *type, const char *value)
{
	json_t *item = json_object();

	(void)json_object_set_new(item, "name", json_string(name));
	(void)json_object_set_new(item, "type", json_string(type));
	(void)json_object_set_new(item, "value", json_string(value));
	(void)json_array_append_new(list, item);
	ctl_say(c, "  %s %s %s", name, type, value);
}

/* Somebody reads it, whether reports have an address of their own or not. */
static const char *address_of(const char *local)
{
	return local[0] == '\0' ? "postmaster" : local;
}

/* What has to be in DNS for mail to come and to be believed (CL-08). */
static void dns_records(struct ctl *c, const char *domain, vx_slice token)
{
	json_t *list = json_array();
	char name[300], value[600];

	ctl_say(c, "\nPublish, if not done yet:");
	(void)snprintf(name, sizeof(name), "%s.", domain);
	(void)snprintf(value, sizeof(value), "10 %.253s.", c->config->hostname);
	add_record(c, list, name, "MX", value);
	if (token.len > 0) {
		(void)snprintf(value, sizeof(value), "\"" VX_OWNERSHIP_MARK "%.*s\"",
		    (int)token.len, token.ptr);
		add_record(c, list, name, "TXT", value);
	}
	add_record(c, list, name, "TXT", "\"v=spf1 mx -all\"");
	(void)snprintf(name, sizeof(name), "_dmarc.%s.", domain);
	(void)snprintf(value, sizeof(value),
	    "\"v=DMARC1; p=quarantine; rua=mailto:%.64s@%s; fo=1\"",
	    address_of(c->config->reports_dmarc_address), domain);
	add_record(c, list, name, "TXT", value);
	if (c->config->reports_receive) {
		(void)snprintf(name, sizeof(name), "_smtp._tls.%s.", domain);
		(void)snprintf(value, sizeof(value),
		    "\"v=TLSRPTv1; rua=mailto:%.64s@%s\"",
		    address_of(c->config->reports_tls_address), domain);
		add_record(c, list, name, "TXT", value);
	}
	(void)json_object_set_new(c->result, "records", list);
}

static int set_limit(struct ctl *c, struct vx_directory_op *op)
{
	const char *value = ctl_option(c, "--max-mailboxes");
	uint64_t n;

	if (value == NULL)
		return CTL_OK;
	if (vx_slice_number(vx_slice_str(value), UINT32_MAX, &n) != VX_OK)
		return ctl_fail(c, CTL_USAGE,
		    "--max-mailboxes is a number, 0 for any, not \"%s\"", value);
	op->set |= VX_SET_MAX_ACCOUNTS;
	op->max_accounts = (uint32_t)n;
	return CTL_OK;
}

/* Its name, as it is kept, with a NUL behind it. */
static int add_domain(struct ctl *c, struct vx_directory_op *op, struct vx_buf *name,
    char hex[VX_DOMAIN_TOKEN_OCTETS + 1])
{
	int status;

	vx_directory_op_init(op, VX_DOMAIN_ADD);
	ctl_verify_begin(c, op, hex);
	op->name = vx_slice_str(c->args[0]);
	op->flags = VX_DOMAIN_NO_INCOMING; /* its MX may lead elsewhere still (IN-01) */
	status = set_limit(c, op);
	if (status == CTL_OK)
		status =
		    ctl_switch(c, "--incoming", VX_DOMAIN_NO_INCOMING, true, &op->flags);
	if (status == CTL_OK && vx_domain_normalise(op->name, name) != VX_OK)
		status = ctl_fail(
		    c, CTL_USAGE, "%s is no domain, such as your-domain.net", c->args[0]);
	if (status != CTL_OK)
		return status;
	vx_buf_add_char(name, '\0');
	op->name = vx_slice_str(name->ptr);
	return ctl_submit(c, op, "domain added");
}

static int domain_add(struct ctl *c)
{
	const bool keys = !ctl_flag(c, "--no-dkim");
	struct vx_buf name = { .max = 256 };
	char hex[VX_DOMAIN_TOKEN_OCTETS + 1];
	struct ctl_dns d = { .writes = true };
	struct vx_directory_op op;
	int status = keys ? ctl_dns_open_keys(c, &d) : ctl_open_store(c, false);

	if (status == CTL_OK)
		status = add_domain(c, &op, &name, hex);
	if (status == CTL_OK && keys)
		status = ctl_dkim_make(c, &d, name.ptr);
	if (status == CTL_OK) {
		dns_records(c, name.ptr, op.token);
		status = ctl_dkim_list(c, name.ptr);
		ctl_verify_added(c, &op, name.ptr);
	}
	if (status == CTL_OK && (op.flags & VX_DOMAIN_NO_INCOMING) != 0)
		ctl_say(c,
		    "\nIt only sends so far, and mail to it goes where its MX leads.  To "
		    "receive its mail here:\n  vectisctl domain set %s --incoming on",
		    name.ptr);
	if (keys)
		ctl_dns_close(&d);
	vx_buf_done(&name);
	return status;
}

/* One of several words for bits of *flags: the first of them is for none. */
static int choose(struct ctl *c, const char *option, const char *const *words,
    const unsigned *bits, size_t count, unsigned *flags)
{
	const char *value = ctl_option(c, option);
	char all[100] = "";
	unsigned mask = 0;

	if (value == NULL)
		return CTL_OK;
	for (size_t i = 0; i < count; i++)
		mask |= bits[i];
	for (size_t i = 0; i < count; i++) {
		if (strcmp(value, words[i]) == 0) {
			*flags = (*flags & ~mask) | bits[i];
			return CTL_OK;
		}
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
		    i == 0           ? ""
		    : i + 1 == count ? " or "
				     : ", ",
		    words[i]);
	}
	return ctl_fail(c, CTL_USAGE, "%s is %s, not \"%s\"", option, all, value);
}

/* What its DNS has to say (features 15). */
static int set_dns(struct ctl *c, unsigned *flags)
{
	static const char *const spf[] = { "hard", "soft" },
				 *const dmarc[] = { "quarantine", "none", "reject" },
				 *const sts[] = { "none", "testing", "enforce" };
	static const unsigned spf_bits[] = { 0, VX_DOMAIN_SPF_SOFT },
			      dmarc_bits[] = { 0, VX_DOMAIN_DMARC_NONE,
				      VX_DOMAIN_DMARC_REJECT },
			      sts_bits[] = { 0, VX_DOMAIN_STS_TESTING,
				      VX_DOMAIN_STS_ENFORCE };
	int status = choose(c, "--spf", spf, spf_bits, 2, flags);

	if (status == CTL_OK)
		status = choose(c, "--mta-sts", sts, sts_bits, 3, flags);
	return status == CTL_OK ? choose(c, "--dmarc", dmarc, dmarc_bits, 3, flags)
				: status;
}

/* A mailbox elsewhere: one of ours is away when it is needed. */
static int check_backup_to(struct ctl *c, const char *to)
{
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	int status = CTL_OK;
	struct vx_domain d;
	vx_slice s;

	if (vx_directory_normalise(vx_slice_str(to), &key) != VX_OK)
		status = ctl_fail(c, CTL_USAGE, "%s is no address", to);
	s = vx_buf_slice(&key);
	if (status == CTL_OK &&
	    find_domain(c, vx_slice_from(s, vx_slice_rfind(s, '@') + 1), &d) == VX_OK)
		status = ctl_fail(c, CTL_USAGE,
		    "%s is here, and what is here is away when a backup is needed: name "
		    "a "
		    "mailbox elsewhere",
		    to);
	vx_buf_done(&key);
	return status;
}

/* --backup-mx none, cloudflare or a server; --backup-to where cloudflare leads it. */
static int set_backup(struct ctl *c, unsigned *flags, struct vx_directory_op *op)
{
	const char *mx = ctl_option(c, "--backup-mx"), *to = ctl_option(c, "--backup-to");
	static char host[VX_DNS_NAME_MAX + 1];
	const unsigned bits = VX_DOMAIN_BACKUP_CLOUDFLARE | VX_DOMAIN_BACKUP_HOST;
	const unsigned was = *flags;

	if (mx == NULL && to == NULL)
		return CTL_OK;
	if (mx != NULL && strcmp(mx, "none") == 0) {
		*flags &= ~bits;
	} else if (mx != NULL && strcmp(mx, "cloudflare") == 0) {
		*flags = (*flags & ~bits) | VX_DOMAIN_BACKUP_CLOUDFLARE;
	} else if (mx != NULL) {
		if (vx_dns_name(vx_slice_str(mx), host) != VX_OK ||
		    !vx_dns_is_host(host) || vx_dns_labels(vx_slice_str(host)) < 2 ||
		    strcmp(host, c->config->hostname) == 0)
			return ctl_fail(c, CTL_USAGE,
			    "--backup-mx is none, cloudflare, or the name of another "
			    "mail "
			    "server, not \"%s\"",
			    mx);
		*flags = (*flags & ~bits) | VX_DOMAIN_BACKUP_HOST;
	}
	if (to != NULL && (*flags & VX_DOMAIN_BACKUP_CLOUDFLARE) == 0)
		return ctl_fail(
		    c, CTL_USAGE, "--backup-to goes with --backup-mx cloudflare");
	/* the same again: it still leads where it did */
	if (to == NULL && (was & *flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0)
		return CTL_OK;
	op->set |= VX_SET_BACKUP;
	op->backup = vx_slice_str(to != NULL                              ? to
				  : (*flags & VX_DOMAIN_BACKUP_HOST) != 0 ? host
									  : "");
	return to != NULL ? check_backup_to(c, to) : CTL_OK;
}

/* A file, or standard input: root has become another user, who may not read all. */
static int read_form(struct ctl *c, const char *option, struct vx_buf *out)
{
	const char *path = ctl_option(c, option);

	vx_buf_init(out, VX_FOOTER_OCTETS_MAX + 1);
	if (path == NULL)
		return CTL_OK;
	return ctl_read_file(c, strcmp(path, "-") == 0 ? "/dev/stdin" : path, out);
}

static int set_signature(struct ctl *c)
{
	struct vx_buf text = { 0 }, html = { 0 };
	struct vx_footer f;
	struct vx_directory_op op;
	const bool none = ctl_flag(c, "--no-signature");
	int status, rc;

	if (none && (ctl_flag(c, "--signature") || ctl_flag(c, "--signature-html")))
		return ctl_fail(c, CTL_USAGE, "--signature and --no-signature: which?");
	if (!none && !ctl_flag(c, "--signature"))
		return ctl_flag(c, "--signature-html")
			   ? ctl_fail(c, CTL_USAGE,
				 "--signature-html is beside --signature, for mail that "
				 "has both forms")
			   : CTL_OK;
	status = read_form(c, "--signature", &text);
	if (status == CTL_OK)
		status = read_form(c, "--signature-html", &html);
	f = (struct vx_footer){ vx_buf_slice(&text), vx_buf_slice(&html) };
	vx_directory_op_init(&op, VX_DOMAIN_FOOTER);
	op.name = vx_slice_str(c->args[0]);
	op.footer = none ? NULL : &f;
	rc = status != CTL_OK || none ? VX_OK : vx_footer_check(&f);
	if (rc == VX_ELIMIT)
		status = ctl_fail(c, CTL_USAGE,
		    "a signature has at most %d octets, and %d in a line",
		    VX_FOOTER_OCTETS_MAX, VX_FOOTER_LINE_MAX);
	else if (rc != VX_OK)
		status = ctl_fail(c, CTL_USAGE,
		    "a signature is text in UTF-8 without control characters");
	if (status == CTL_OK)
		status = ctl_submit(c, &op, none ? "signature removed" : "signature set");
	vx_buf_done(&text);
	vx_buf_done(&html);
	return status;
}

static int domain_set(struct ctl *c)
{
	const char *catch_all = ctl_option(c, "--catch-all");
	vx_slice targets[VX_ALIAS_TARGETS_MAX];
	struct vx_directory_op op;
	struct vx_domain d = { 0 };
	uint32_t limit = 0;
	unsigned flags;
	int rc = find_domain(c, vx_slice_str(c->args[0]), &d), status;

	if (rc != VX_OK)
		return ctl_done(c, rc, "", c->args[0]);
	if (c->option_count == 0)
		return ctl_fail(c, CTL_USAGE,
		    "nothing to change; vectisctl domain set --help lists the options");
	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = vx_slice_str(c->args[0]);
	op.set = VX_SET_FLAGS;
	flags = d.flags;
	status = ctl_switch(c, "--active", VX_DOMAIN_INACTIVE, true, &flags);
	if (status == CTL_OK)
		status = ctl_switch(c, "--incoming", VX_DOMAIN_NO_INCOMING, true, &flags);
	if (status == CTL_OK)
		status =
		    ctl_switch(c, "--any-sender", VX_DOMAIN_ANY_SENDER, false, &flags);
	if (status == CTL_OK)
		status = set_dns(c, &flags);
	if (status == CTL_OK)
		status = set_backup(c, &flags, &op);
	if (status == CTL_OK)
		status = set_limit(c, &op);
	op.flags = flags;
	if (status == CTL_OK)
		status = ctl_send_limit(c, &limit);
	if (status == CTL_OK && catch_all != NULL) {
		op.set |= VX_SET_TARGETS;
		op.targets = targets;
		status = ctl_targets(c, catch_all, 0, targets, &op.target_count);
		if (status == CTL_OK)
			status = ctl_check_targets(c, targets, op.target_count, false);
	}
	if (status == CTL_OK)
		status = ctl_set_send_limit(c, 0, op.name, limit);
	if (status == CTL_OK)
		status = set_signature(c);
	return status == CTL_OK ? ctl_submit(c, &op, "domain changed") : status;
}

static int next_domain(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_buf all = { .max =
				  (size_t)VX_ALIAS_TARGETS_MAX * (VX_ADDRESS_MAX + 1) };
	struct vx_sending sending = { 0 };
	struct vx_footer f;
	struct vx_domain d;
	const int rc = vx_directory_next_domain(v, vx_slice_str(after), &d);
	const char *status;
	json_t *item;

	if (rc != VX_OK)
		return rc;
	ctl_keep(after, d.name);
	item = json_object();
	status = ctl_verify_tell(item, &d);
	(void)json_object_set_new(item, "name", ctl_text(d.name));
	(void)json_object_set_new(
	    item, "active", json_boolean((d.flags & VX_DOMAIN_INACTIVE) == 0));
	(void)json_object_set_new(
	    item, "incoming", json_boolean((d.flags & VX_DOMAIN_NO_INCOMING) == 0));
	(void)json_object_set_new(
	    item, "any_sender", json_boolean((d.flags & VX_DOMAIN_ANY_SENDER) != 0));
	(void)json_object_set_new(item, "max_mailboxes", json_integer(d.max_accounts));
	(void)json_object_set_new(item, "backup_mx",
	    (d.flags & VX_DOMAIN_BACKUP_HOST) != 0
		? ctl_text(d.backup)
		: json_string((d.flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0 ? "cloudflare"
									   : "none"));
	(void)json_object_set_new(item, "backup_to",
	    (d.flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0 ? ctl_text(d.backup)
							 : json_string(""));
	(void)json_object_set_new(item, "mta_sts",
	    json_string((d.flags & VX_DOMAIN_STS_ENFORCE) != 0   ? "enforce"
			: (d.flags & VX_DOMAIN_STS_TESTING) != 0 ? "testing"
								 : "none"));
	(void)json_object_set_new(item, "spf",
	    json_string((d.flags & VX_DOMAIN_SPF_SOFT) != 0 ? "soft" : "hard"));
	(void)json_object_set_new(item, "dmarc",
	    json_string((d.flags & VX_DOMAIN_DMARC_NONE) != 0     ? "none"
			: (d.flags & VX_DOMAIN_DMARC_REJECT) != 0 ? "reject"
								  : "quarantine"));
	(void)vx_sending_domain(v, d.name, &sending);
	ctl_sending(c, item, &sending);
	(void)json_object_set_new(item, "catch_all", target_list(d.catch_all, &all));
	if (vx_directory_footer(v, d.name, &f) != VX_OK)
		f = (struct vx_footer){ vx_slice_of("", 0), vx_slice_of("", 0) };
	(void)json_object_set_new(item, "signature", ctl_text(f.text));
	(void)json_object_set_new(item, "signature_html", ctl_text(f.html));
	(void)json_array_append_new(items, item);
	ctl_say(c, "%s%s%s%s%s%s%s%.*s", after, status,
	    f.text.len > 0 ? " (signature)" : "",
	    (d.flags & VX_DOMAIN_INACTIVE) != 0 ? " (inactive)" : "",
	    (d.flags & VX_DOMAIN_NO_INCOMING) != 0 ? " (no incoming mail)" : "",
	    (d.flags & VX_DOMAIN_ANY_SENDER) != 0 ? " (users send as anybody)" : "",
	    all.len > 0 ? " catch-all " : "", (int)all.len, all.len > 0 ? all.ptr : "");
	vx_buf_done(&all);
	return VX_OK;
}

static int domain_list(struct ctl *c)
{
	return ctl_list(c, "domains", next_domain);
}

/* --- alias ------------------------------------------------------------------------ */

/* "@shop.net", as other servers have it. */
static int check_alias(struct ctl *c)
{
	const char *name = c->args[0];

	if (name[0] != '@')
		return CTL_OK;
	return ctl_fail(c, CTL_USAGE,
	    "%s is no alias: who gets mail for unknown names of a domain is set by "
	    "\"vectisctl domain set %s --catch-all MAILBOX,...\"",
	    name, name + 1);
}

static int alias_add(struct ctl *c)
{
	vx_slice targets[VX_ALIAS_TARGETS_MAX];
	struct vx_directory_op op;
	int status;

	vx_directory_op_init(&op, VX_ALIAS_ADD);
	op.name = vx_slice_str(c->args[0]);
	op.targets = targets;
	status = check_alias(c);
	if (status == CTL_OK)
		status = ctl_find_own_domain(c, op.name);
	if (status == CTL_OK)
		status = ctl_targets(c, NULL, 1, targets, &op.target_count);
	if (status == CTL_OK && op.target_count == 0)
		status = ctl_fail(c, CTL_USAGE, "an alias needs a target");
	if (status == CTL_OK)
		status = ctl_check_targets(c, targets, op.target_count, true);
	return status == CTL_OK ? ctl_submit(c, &op, "alias added") : status;
}

static int alias_set(struct ctl *c)
{
	vx_slice targets[VX_ALIAS_TARGETS_MAX];
	struct vx_directory_op op;
	unsigned flags = 0;
	int status = ctl_targets(c, NULL, 1, targets, &op.target_count);
	const size_t count = op.target_count;

	if (status == CTL_OK)
		status = check_alias(c);
	if (status != CTL_OK)
		return status;
	vx_directory_op_init(&op, VX_ALIAS_SET);
	op.name = vx_slice_str(c->args[0]);
	op.targets = targets;
	op.target_count = count;
	op.set = (ctl_flag(c, "--active") ? VX_SET_FLAGS : 0u) |
		 (count > 0 ? VX_SET_TARGETS : 0u);
	if (op.set == 0)
		return ctl_fail(c, CTL_USAGE,
		    "nothing to change; vectisctl alias set --help says what may be");
	status = ctl_switch(c, "--active", 1, true, &flags);
	op.flags = flags;
	if (status == CTL_OK)
		status = ctl_check_targets(c, targets, count, true);
	return status == CTL_OK ? ctl_submit(c, &op, "alias changed") : status;
}

static int alias_remove(struct ctl *c)
{
	const int status = check_alias(c);
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ALIAS_REMOVE);
	op.name = vx_slice_str(c->args[0]);
	return status == CTL_OK ? ctl_submit(c, &op, "alias removed") : status;
}

static int next_alias(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_buf all = { .max =
				  (size_t)VX_ALIAS_TARGETS_MAX * (VX_ADDRESS_MAX + 1) };
	struct vx_alias a;
	const int rc = vx_directory_next_alias(v, vx_slice_str(after), &a);
	json_t *item;

	if (rc != VX_OK)
		return rc;
	ctl_keep(after, a.address);
	item = json_object();
	(void)json_object_set_new(item, "address", ctl_text(a.address));
	(void)json_object_set_new(item, "targets", target_list(a.targets, &all));
	(void)json_object_set_new(item, "active", json_boolean(!a.disabled));
	(void)json_array_append_new(items, item);
	ctl_say(c, "%s -> %.*s%s", after, (int)all.len,
	    all.len > 0 ? all.ptr : "(nobody)", a.disabled ? " (inactive)" : "");
	vx_buf_done(&all);
	return VX_OK;
}

static int alias_list(struct ctl *c)
{
	return ctl_list(c, "aliases", next_alias);
}

const struct ctl_command ctl_domain_commands[] = {
	{ "domain", "add", domain_add, NEEDS_CONFIG | TAKES_NAME, 1, 1,
	    "DOMAIN [--incoming on|off] [--max-mailboxes N] [--no-dkim] [--trust]",
	    "host a domain" },
	{ "domain", "set", domain_set, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "DOMAIN [--catch-all MAILBOX,...] [--active on|off] [--incoming on|off] "
	    "[--any-sender on|off] [--max-mailboxes N] [--spf hard|soft] "
	    "[--dmarc none|quarantine|reject] [--mta-sts none|testing|enforce] "
	    "[--backup-mx none|cloudflare|HOST] [--backup-to ADDRESS] "
	    "[--send-limit N|none|standard] "
	    "[--signature FILE] [--signature-html FILE] [--no-signature]",
	    "change a domain" },
	{ "domain", "remove", ctl_domain_remove, NEEDS_CONFIG | TAKES_NAME, 1, 1,
	    "DOMAIN --confirm [--dns withdraw|keep] [--yes]",
	    "stop hosting a domain that is empty" },
	{ "domain", "list", domain_list, NEEDS_STORE_READ, 0, 0, "", "list the domains" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};

const struct ctl_command ctl_alias_commands[] = {
	{ "alias", "add", alias_add, NEEDS_STORE | TAKES_NAME, 2, CTL_ARGS_MAX,
	    "ADDRESS TARGET...",
	    "another address for mailboxes; '*' in its name stands for anything" },
	{ "alias", "set", alias_set, NEEDS_STORE | TAKES_NAME, 1, CTL_ARGS_MAX,
	    "ADDRESS [TARGET...] [--active on|off]",
	    "switch an alias off and on, or lead it elsewhere" },
	{ "alias", "remove", alias_remove, NEEDS_STORE | TAKES_NAME, 1, 1, "ADDRESS",
	    "remove an alias" },
	{ "alias", "list", alias_list, NEEDS_STORE_READ, 0, 0, "", "list the aliases" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
