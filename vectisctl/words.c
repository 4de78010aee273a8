/* The command line: words and options. */
#include "vectisctl/ctl.h"

#include "vectis/address.h"
#include "vectis/sending.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Each option of any command; which of them a command has, its usage says. */
static const struct {
	const char *name;
	bool has_value;
} known[] = {
	{ "--active", true },
	{ "--address", true },
	{ "--all", false },
	{ "--any-sender", true },
	{ "--at-once", false },
	{ "--authority", true },
	{ "--backup-mx", true },
	{ "--backup-to", true },
	{ "--catch-all", true },
	{ "--certificate", true },
	{ "--confirm", false },
	{ "--connections", true },
	{ "--content", false },
	{ "--day", true },
	{ "--days", true },
	{ "--display-name", true },
	{ "--dmarc", true },
	{ "--dns", true },
	{ "--domain", true },
	{ "--email", true },
	{ "--force", false },
	{ "--format", true },
	{ "--former", true },
	{ "--from", true },
	{ "--generate", false },
	{ "--hash-fd", true },
	{ "--help", false },
	{ "--history", false },
	{ "--host", true },
	{ "--hostname", true },
	{ "--hours", true },
	{ "--incoming", true },
	{ "--keep-mail", false },
	{ "--key", true },
	{ "--max-mailboxes", true },
	{ "--members-only", true },
	{ "--mta-sts", true },
	{ "--name", true },
	{ "--no-dkim", false },
	{ "--no-restart", false },
	{ "--no-signature", false },
	{ "--no-wait", false },
	{ "--owner", true },
	{ "--password-fd", true },
	{ "--password-file", true },
	{ "--plan", false },
	{ "--pop3", true },
	{ "--purge", false },
	{ "--quota", true },
	{ "--reason", true },
	{ "--retire", false },
	{ "--seconds", true },
	{ "--send-limit", true },
	{ "--sending", true },
	{ "--signature", true },
	{ "--signature-html", true },
	{ "--spf", true },
	{ "--stdin", false },
	{ "--tail", true },
	{ "--take", false },
	{ "--title", true },
	{ "--tls", true },
	{ "--to", true },
	{ "--trust", false },
	{ "--unattended", false },
	{ "--urgent", false },
	{ "--user", true },
	{ "--version", false },
	{ "--wait", true },
	{ "--with-addresses", false },
	{ "--with-host", false },
	{ "--yes", false },
};
#define KNOWN (sizeof(known) / sizeof(known[0]))
#define WORD_MAX 32 /* longer ones are no slip of ours */

const char *ctl_option(const struct ctl *c, const char *name)
{
	for (size_t i = 0; i < c->option_count; i++)
		if (strcmp(c->options[i].name, name) == 0)
			return c->options[i].value;
	return NULL;
}

bool ctl_flag(const struct ctl *c, const char *name)
{
	return ctl_option(c, name) != NULL;
}

/* Levenshtein's distance. */
static size_t distance(const char *a, const char *b)
{
	const size_t n = strlen(b);
	size_t row[WORD_MAX + 1];

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			const size_t change = diagonal + (a[i] != b[j]);
			const size_t other =
			    (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

			diagonal = row[j + 1];
			row[j + 1] = change < other ? change : other;
		}
	}
	return row[n];
}

const char *ctl_nearer(const char *word, const char *best, const char *candidate)
{
	const size_t now = distance(word, candidate);

	if (now > 3 || now * 2 > strlen(candidate) ||
	    (best != NULL && distance(word, best) <= now))
		return best;
	return candidate;
}

static int unknown_option(struct ctl *c, const char *name)
{
	const char *near = NULL;

	for (size_t i = 0; i < KNOWN; i++)
		near = ctl_nearer(name, near, known[i].name);
	return near == NULL ? ctl_fail(c, CTL_USAGE, "there is no option %s", name)
			    : ctl_fail(c, CTL_USAGE,
				  "there is no option %s; is %s meant?", name, near);
}

/* "--name value", "--name=value" or "--flag" at argv[*i]. */
static int parse_option(struct ctl *c, int argc, char **argv, int *i)
{
	const char *word = strcmp(argv[*i], "-h") == 0   ? "--help"
			   : strcmp(argv[*i], "-V") == 0 ? "--version"
							 : argv[*i];
	const size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : NULL;
	char name[64];
	size_t k = 0;

	(void)snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), word);
	while (k < KNOWN && strcmp(name, known[k].name) != 0)
		k++;
	if (k == KNOWN)
		return unknown_option(c, name);
	if (ctl_flag(c, name))
		return ctl_fail(c, CTL_USAGE, "%s is given twice", name);
	if (c->option_count == CTL_ARGS_MAX)
		return ctl_fail(c, CTL_USAGE, "too many options");
	if (!known[k].has_value && value != NULL)
		return ctl_fail(c, CTL_USAGE, "%s takes no value", name);
	if (known[k].has_value && value == NULL) {
		if (*i + 1 == argc)
			return ctl_fail(c, CTL_USAGE, "%s needs a value", name);
		value = argv[++*i];
	}
	c->options[c->option_count].name = known[k].name;
	c->options[c->option_count++].value = value == NULL ? "" : value;
	return CTL_OK;
}

static int parse_config_path(struct ctl *c, int argc, char **argv, int *i)
{
	const char *word = argv[*i];

	if (strncmp(word, "--config=", 9) == 0)
		c->config_path = word + 9;
	else if (++*i < argc)
		c->config_path = argv[*i];
	else
		return ctl_fail(c, CTL_USAGE, "%s needs a file", word);
	return CTL_OK;
}

int ctl_parse(struct ctl *c, int argc, char **argv)
{
	bool words_only = false;
	int status = CTL_OK;

	/* first of all: it decides how everything else is said */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		c->json = c->json || strcmp(argv[i], "--json") == 0;
	for (int i = 1; i < argc && status == CTL_OK; i++) {
		const char *word = argv[i];

		if (words_only || word[0] != '-' || word[1] == '\0') {
			if (c->arg_count == CTL_ARGS_MAX)
				return ctl_fail(c, CTL_USAGE, "too many arguments");
			c->args[c->arg_count++] = word;
		} else if (strcmp(word, "--") == 0) {
			words_only = true;
		} else if (strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0 ||
			   strncmp(word, "--config=", 9) == 0) {
			status = parse_config_path(c, argc, argv, &i);
		} else if (strcmp(word, "--json") != 0) {
			status = parse_option(c, argc, argv, &i);
		}
	}
	return status;
}

int ctl_switch(
    struct ctl *c, const char *option, unsigned bit, bool inverse, unsigned *flags)
{
	const char *value = ctl_option(c, option);
	bool on;

	if (value == NULL)
		return CTL_OK;
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return ctl_fail(
		    c, CTL_USAGE, "%s is on or off, not \"%s\"", option, value);
	on = strcmp(value, "on") == 0;
	*flags = on != inverse ? *flags | bit : *flags & ~bit;
	return CTL_OK;
}

int ctl_send_limit(struct ctl *c, uint32_t *limit)
{
	const char *value = ctl_option(c, "--send-limit");
	uint64_t n;

	if (value == NULL)
		return CTL_OK;
	if (strcmp(value, "standard") == 0)
		*limit = VX_SENDING_STANDARD;
	else if (strcmp(value, "none") == 0)
		*limit = VX_SENDING_NONE;
	else if (vx_slice_number(vx_slice_str(value), VX_SENDING_LIMIT_MAX, &n) ==
		     VX_OK &&
		 n > 0)
		*limit = (uint32_t)n;
	else
		return ctl_fail(c, CTL_USAGE,
		    "--send-limit is a number of recipients from 1 to %d, none, or "
		    "standard, not \"%s\"",
		    VX_SENDING_LIMIT_MAX, value);
	return CTL_OK;
}

int ctl_set_send_limit(struct ctl *c, uint32_t account, vx_slice domain, uint32_t limit)
{
	struct vx_buf name = { .max = 256 };
	struct vx_sending_op op;
	int rc = VX_OK;

	if (ctl_option(c, "--send-limit") == NULL)
		return CTL_OK;
	vx_sending_op_init(&op, VX_SENDING_SET_LIMIT);
	op.account = account;
	op.limit = limit;
	if (account == 0)
		rc = vx_domain_normalise(domain, &name);
	op.domain = vx_buf_slice(&name);
	if (rc == VX_OK)
		rc = vx_store_run(c->store, &op.op);
	vx_buf_done(&name);
	return rc == VX_OK ? CTL_OK
			   : ctl_fail(c, CTL_FAILED, "the limit cannot be set: %s",
				 vx_strerror(rc));
}

void ctl_sending(struct ctl *c, json_t *item, const struct vx_sending *s)
{
	const uint32_t sent = vx_sending_last_hour(s, (uint64_t)time(NULL));

	(void)c;
	(void)json_object_set_new(item, "sent_last_hour", json_integer(sent));
	(void)json_object_set_new(item, "send_limit",
	    s->limit == VX_SENDING_NONE       ? json_string("none")
	    : s->limit == VX_SENDING_STANDARD ? json_string("standard")
					      : json_integer(s->limit));
	(void)json_object_set_new(
	    item, "suspended_at", json_integer((json_int_t)s->suspended));
	(void)json_object_set_new(item, "suspended_reason", ctl_text(s->reason));
}

int ctl_quota(struct ctl *c, uint64_t *octets)
{
	const char *value = ctl_option(c, "--quota");
	uint64_t mb;

	if (value == NULL)
		return CTL_OK;
	if (vx_slice_number(vx_slice_str(value), CTL_MB_MAX, &mb) != VX_OK)
		return ctl_fail(c, CTL_USAGE,
		    "--quota is a number of MB up to %d, 0 for none, not \"%s\"",
		    CTL_MB_MAX, value);
	*octets = mb << 20;
	return CTL_OK;
}

static int cut_targets(
    struct ctl *c, const char *text, vx_slice out[VX_ALIAS_TARGETS_MAX], size_t *count)
{
	vx_slice rest = vx_slice_str(text), word;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ',', &word);
		word = vx_slice_trim(word, " \t");
		if (word.len == 0)
			continue;
		if (*count == VX_ALIAS_TARGETS_MAX)
			return ctl_fail(
			    c, CTL_USAGE, "at most %d targets", VX_ALIAS_TARGETS_MAX);
		out[(*count)++] = word;
	}
	return CTL_OK;
}

int ctl_targets(struct ctl *c, const char *text, size_t first,
    vx_slice out[VX_ALIAS_TARGETS_MAX], size_t *count)
{
	int status = CTL_OK;

	*count = 0;
	if (text != NULL)
		return cut_targets(c, text, out, count);
	for (size_t i = first; i < c->arg_count && status == CTL_OK; i++)
		status = cut_targets(c, c->args[i], out, count);
	return status;
}
