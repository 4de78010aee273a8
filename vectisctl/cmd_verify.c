/* domain verify: is the record there that proves whose a domain is (CL-11, DX-DN-19)? */
#include "vectisctl/verify.h"

#include "runtime/once.h"
#include "vectis/crypto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 10000
#define AGAIN_S 30       /* DX-DN-19 */
#define WAIT_S_MAX 86400 /* up to a day at slow providers */

struct verifying {
	struct ctl *c;
	char domain[VX_DNS_NAME_MAX + 1];
	char token[VX_DOMAIN_TOKEN_OCTETS + 1]; /* "": nothing is asked for */
	char text[VX_OWNERSHIP_TEXT_MAX + 1];
	enum vx_domain_status status;
	enum vx_ownership seen;
	char other[VX_OWNERSHIP_TEXT_MAX + 1];
	unsigned looks;
	bool published; /* the record was set from here */
};

/* --- for domain add -------------------------------------------------------------------
 */

void ctl_verify_begin(
    struct ctl *c, struct vx_directory_op *op, char hex[VX_DOMAIN_TOKEN_OCTETS + 1])
{
	unsigned char random[VX_DOMAIN_TOKEN_OCTETS / 2];

	op->status = VX_DOMAIN_VERIFIED;
	if (ctl_flag(c, "--trust"))
		return;
	vx_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)random[i]);
	op->status = VX_DOMAIN_UNVERIFIED;
	op->token = vx_slice_str(hex);
}

const char *ctl_verify_tell(json_t *item, const struct vx_domain *d)
{
	(void)json_object_set_new(
	    item, "status", json_string(vx_domain_status_name(d->status)));
	(void)json_object_set_new(item, "token", ctl_text(d->token));
	return d->status == VX_DOMAIN_UNVERIFIED ? " (unverified: may not send)"
	       : d->status == VX_DOMAIN_PENDING  ? " (pending: may not send)"
						 : "";
}

void ctl_verify_added(struct ctl *c, const struct vx_directory_op *op, const char *domain)
{
	const struct vx_domain d = { .status = op->status, .token = op->token };

	(void)ctl_verify_tell(c->result, &d);
	if (d.status == VX_DOMAIN_VERIFIED)
		ctl_say(
		    c, "\nNo proof is asked for whose %s is: you vouch for it.", domain);
	else
		ctl_say(c,
		    "\nNobody may send as %s before its vectis-verify record was seen.  "
		    "When it is published:\n  vectisctl domain verify %s",
		    domain, domain);
}

/* --- looking --------------------------------------------------------------------------
 */

static int read_domain(struct verifying *w, const char *name)
{
	struct vx_domain d;
	struct vx_view *v = NULL;
	int rc = vx_view_begin(w->c->store, &v);

	if (rc == VX_OK)
		rc = vx_directory_domain(v, vx_slice_str(name), &d);
	if (rc == VX_OK) {
		w->status = d.status;
		(void)snprintf(
		    w->domain, sizeof(w->domain), "%.*s", (int)d.name.len, d.name.ptr);
		(void)snprintf(w->token, sizeof(w->token), "%.*s", (int)d.token.len,
		    d.token.len > 0 ? d.token.ptr : "");
		vx_ownership_text(vx_slice_str(w->token), w->text);
	}
	if (v != NULL)
		vx_view_end(v);
	return rc == VX_OK ? CTL_OK : ctl_done(w->c, rc, "", name);
}

/* With a resolver of its own: what was not there a moment ago is not remembered. */
static int look(struct verifying *w)
{
	struct vx_once_question q = { .late = false };
	struct vx_once_work work = {
		.questions = &q, .question_count = 1, .ms_max = LOOK_MS
	};
	struct vx_once *once = NULL;
	struct vx_error err;

	w->looks++;
	w->seen = VX_OWNERSHIP_SILENT;
	w->other[0] = '\0';
	if (vx_once_new(w->c->config, &once, &err) != VX_OK)
		return ctl_fail(w->c, CTL_FAILED, "%s", err.text);
	if (vx_dns_ask(VX_DNS_TXT, "", vx_slice_str(w->domain), &q.question) == VX_OK &&
	    vx_once_do(once, &work) == VX_OK && q.answer != NULL)
		w->seen = vx_ownership_read(q.answer, w->text, w->other);
	vx_dns_answer_free(q.answer);
	vx_once_free(once);
	return CTL_OK;
}

/* It is so from now on; the domain may have been removed meanwhile, and added anew. */
static int set_status(struct verifying *w, enum vx_domain_status status)
{
	struct vx_directory_op op;
	int rc;

	if (w->status == VX_DOMAIN_VERIFIED)
		return CTL_OK;
	vx_directory_op_init(&op, VX_DOMAIN_VERIFY);
	op.name = vx_slice_str(w->domain);
	op.token = vx_slice_str(w->token);
	op.status = status;
	op.asked = status == VX_DOMAIN_PENDING ? (uint64_t)time(NULL) : 0;
	rc = vx_store_run(w->c->store, &op.op);
	if (rc == VX_ECONFLICT)
		return ctl_fail(w->c, CTL_FAILED,
		    "%s was removed and added again meanwhile: try again", w->domain);
	return rc == VX_OK ? read_domain(w, w->domain)
			   : ctl_done(w->c, rc, "", w->domain);
}

int ctl_verify_require(struct ctl *c, const char *domain)
{
	struct verifying w = { .c = c };
	const int status = read_domain(&w, domain);

	return status != CTL_OK || w.status == VX_DOMAIN_VERIFIED
		   ? status
		   : ctl_fail(c, CTL_FAILED,
			 "%s is not verified, and nobody may send as it: vectisctl "
			 "domain "
			 "verify %s",
			 w.domain, w.domain);
}

/* --- saying ---------------------------------------------------------------------------
 */

static void say_seen(const struct verifying *w)
{
	switch (w->seen) {
	case VX_OWNERSHIP_SILENT:
		ctl_say(w->c, "the DNS says nothing of %s TXT now", w->domain);
		break;
	case VX_OWNERSHIP_NONE:
		ctl_say(w->c, "%s has no vectis-verify record", w->domain);
		break;
	case VX_OWNERSHIP_OTHER:
		ctl_say(w->c, "%s has another record, \"%s\"", w->domain, w->other);
		break;
	case VX_OWNERSHIP_FOUND:
		ctl_say(w->c, "%s has the record", w->domain);
		break;
	}
}

/* The record and the status, for --json, and in words. */
static void conclude(const struct verifying *w, const char *seen)
{
	json_t *record = json_object(), *result = w->c->result;
	char name[VX_DNS_NAME_MAX + 2], quoted[VX_OWNERSHIP_TEXT_MAX + 3];

	(void)snprintf(name, sizeof(name), "%s.", w->domain);
	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", w->text);
	(void)json_object_set_new(record, "name", json_string(name));
	(void)json_object_set_new(record, "type", json_string("TXT"));
	(void)json_object_set_new(record, "value", json_string(quoted));
	(void)json_object_set_new(result, "name", json_string(w->domain));
	(void)json_object_set_new(
	    result, "status", json_string(vx_domain_status_name(w->status)));
	(void)json_object_set_new(result, "seen", json_string(seen));
	(void)json_object_set_new(result, "other", json_string(w->other));
	(void)json_object_set_new(result, "looks", json_integer(w->looks));
	if (w->token[0] == '\0') {
		json_decref(record);
		record = json_null();
	}
	(void)json_object_set_new(result, "record", record);
	if (w->status == VX_DOMAIN_VERIFIED) {
		ctl_say(w->c, "%s is verified", w->domain);
		return;
	}
	if (!w->published)
		ctl_say(w->c, "Publish, if not done yet:\n  %s TXT %s", name, quoted);
	ctl_say(w->c,
	    "%s is pending, and nobody may send as it.  smtpd looks for the record about "
	    "once a minute, later less often, and verifies the domain by itself.",
	    w->domain);
}

/* --- the command ----------------------------------------------------------------------
 */

static int take_wait(struct ctl *c, uint64_t *s)
{
	const char *value = ctl_option(c, "--wait");

	*s = 0;
	if (value == NULL || vx_slice_number(vx_slice_str(value), WAIT_S_MAX, s) == VX_OK)
		return CTL_OK;
	return ctl_fail(c, CTL_USAGE, "--wait is seconds, from 0 to %d, not \"%s\"",
	    WAIT_S_MAX, value);
}

/* Whoever has seen it meanwhile: smtpd looks, too. */
static int pause_until(struct verifying *w, time_t end)
{
	const struct timespec second = { .tv_sec = 1 };
	int status = CTL_OK;

	while (status == CTL_OK && w->status != VX_DOMAIN_VERIFIED && time(NULL) < end) {
		(void)nanosleep(&second, NULL);
		status = read_domain(w, w->domain);
	}
	return status;
}

/* Once, and again for as long as that is wanted. */
static int look_and_wait(struct verifying *w, uint64_t wait_s)
{
	const time_t end = time(NULL) + (time_t)wait_s;
	int status;

	for (;;) {
		status = look(w);
		if (status == CTL_OK)
			status = set_status(w, w->seen == VX_OWNERSHIP_FOUND
						   ? VX_DOMAIN_VERIFIED
						   : VX_DOMAIN_PENDING);
		if (status != CTL_OK || w->status == VX_DOMAIN_VERIFIED ||
		    time(NULL) >= end)
			return status;
		if (w->looks == 1) {
			say_seen(w);
			ctl_say(w->c, "waiting; again every %d seconds", AGAIN_S);
			(void)fflush(stdout);
		}
		status = pause_until(
		    w, time(NULL) + AGAIN_S < end ? time(NULL) + AGAIN_S : end);
		if (status != CTL_OK || w->status == VX_DOMAIN_VERIFIED)
			return status;
	}
}

static int trust(struct verifying *w)
{
	const int status = set_status(w, VX_DOMAIN_VERIFIED);

	if (status != CTL_OK)
		return status;
	ctl_say(
	    w->c, "nobody has looked for the record of %s: you vouch for it", w->domain);
	conclude(w, "trusted");
	return CTL_OK;
}

static int domain_verify(struct ctl *c)
{
	struct verifying w = { .c = c };
	uint64_t wait_s;
	int status = take_wait(c, &wait_s);

	if (status == CTL_OK && wait_s > 0 && ctl_flag(c, "--trust"))
		status =
		    ctl_fail(c, CTL_USAGE, "--trust does not wait: leave out --wait");
	if (status == CTL_OK)
		status = read_domain(&w, c->args[0]);
	if (status != CTL_OK)
		return status;
	if (w.token[0] == '\0') {
		ctl_say(c, "no record is asked for of %s", w.domain);
		conclude(&w, "not_asked");
		return CTL_OK;
	}
	if (ctl_flag(c, "--trust"))
		return trust(&w);
	status = look_and_wait(&w, wait_s);
	if (status != CTL_OK)
		return status;
	say_seen(&w);
	conclude(&w, vx_ownership_name(w.seen));
	return w.status == VX_DOMAIN_VERIFIED ? CTL_OK : CTL_FAILED;
}

int ctl_verify_applied(struct ctl *c, const char *domain)
{
	struct verifying w = { .c = c, .published = true };
	json_t *j = json_object(), *result = c->result;
	int status;

	vx_store_close(c->store);
	c->store = NULL;
	status = ctl_open_store(c, false);
	if (status == CTL_OK)
		status = read_domain(&w, domain);
	if (status == CTL_OK && w.status != VX_DOMAIN_VERIFIED)
		status = look_and_wait(&w, 0);
	if (status == CTL_OK) {
		c->result = j;
		if (w.looks > 0) {
			say_seen(&w);
			conclude(&w, vx_ownership_name(w.seen));
		}
		c->result = result;
	}
	if (status == CTL_OK && w.looks > 0)
		(void)json_object_set_new(result, "verification", j);
	else
		json_decref(j);
	return status;
}

const struct ctl_command ctl_verify_commands[] = {
	{ "domain", "verify", domain_verify, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "DOMAIN [--wait SECONDS] [--trust]",
	    "look for the record that proves whose a domain is, so that it may send" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
