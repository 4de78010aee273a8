/* Directory and account of an authority (RFC 8555 7.1.1, 7.3), windows (RFC 9773). */
#include "acme/acme_int.h"
#include "base/encode.h"

#include <stdio.h>
#include <string.h>

enum {
	DIRECTORY_S = 86400,
	WINDOW_MIN_S = 60,
	WINDOW_MAX_S = 43200, /* at least twice a day */
	WINDOW_STANDARD_S = 21600
};

/* --- the account -------------------------------------------------------------------- */

static void new_account(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);
	json_t *const o = json_object();
	struct vx_buf binding = { .max = VX_ACME_JSON_MAX };

	if (a->agrees)
		(void)json_object_set_new(o, "termsOfServiceAgreed", json_true());
	if (a->contact != NULL)
		(void)json_object_set_new(o, "contact", json_pack("[s]", a->contact));
	if (c->eab_kid != NULL && c->directory.external_account) {
		if (vx_acme_bind(c->eab_kid, c->eab_key, c->directory.new_account, c->key,
			&binding) != VX_OK) {
			json_decref(o);
			vx_buf_done(&binding);
			vx_acme_fail_text(a, VX_ACME_P_STOP,
			    "the key of the external account at %s is no base64url",
			    c->id);
			return;
		}
		(void)json_object_set_new(o, "externalAccountBinding",
		    json_loadb(binding.ptr, binding.len, 0, NULL));
	}
	vx_buf_done(&binding);
	vx_acme_post(a, c->directory.new_account, o);
	a->request.by_key = true;
}

static void begin_new_account(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (a->task.type == VX_ACME_T_ROLL_OVER || a->task.type == VX_ACME_T_DEACTIVATE ||
	    a->task.type == VX_ACME_T_REVOKE ||
	    a->task.type == VX_ACME_T_REVOKE_DOOMED) {
		vx_acme_fail_text(
		    a, VX_ACME_P_OURS, "there is no account at %s yet", c->id);
	} else if (c->directory.external_account && c->eab_kid == NULL) {
		vx_acme_fail_text(a, VX_ACME_P_STOP,
		    "%s wants an external account: set its number and key", c->id);
	} else if (c->directory.terms[0] != '\0' && !a->agrees) {
		vx_acme_fail_text(a, VX_ACME_P_TERMS,
		    "the terms of %s have to be agreed to: %.200s", c->id,
		    c->directory.terms);
	} else if (c->key == NULL) {
		if (vx_pki_key_generate(VX_PKI_P256, &c->key) != VX_OK)
			vx_acme_fail_text(
			    a, VX_ACME_P_OURS, "no key can be made for the account");
		a->dirty = true; /* kept before the authority knows it */
	} else {
		new_account(a);
	}
}

static void begin_account(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (c->deactivated)
		vx_acme_fail_text(
		    a, VX_ACME_P_ACCOUNT, "the account at %s was deactivated", c->id);
	else if (c->url[0] == '\0')
		begin_new_account(a);
	else if (c->key == NULL)
		vx_acme_fail_text(
		    a, VX_ACME_P_ACCOUNT, "the key of the account at %s is lost", c->id);
	else
		vx_acme_order_start(a);
}

static void account_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (!vx_acme_is_url(answer->location)) {
		vx_acme_fail_text(
		    a, VX_ACME_P_TRANSPORT, "%s did not say where the account is", c->id);
		return;
	}
	memcpy(c->url, answer->location.ptr, answer->location.len);
	c->url[answer->location.len] = '\0';
	memcpy(c->terms, c->directory.terms, sizeof(c->terms));
	a->dirty = true;
	vx_acme_tell(a, VX_ACME_INFO, "account at %s: %.300s", c->id, c->url);
}

/* --- another key (7.3.5) ------------------------------------------------------------ */

/* The change was asked for before a crash: which key is it now? */
static void begin_check_key(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (c->next_key == NULL || c->url[0] == '\0') {
		vx_acme_go(a, VX_ACME_PH_ACCOUNT);
		return;
	}
	vx_acme_post(
	    a, c->directory.new_account, json_pack("{s:b}", "onlyReturnExisting", 1));
	a->request.by_key = true;
	a->request.key = c->next_key;
}

static void take_next_key(struct vx_acme *a, bool taken)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (taken) {
		vx_pki_key_free(c->key);
		c->key = c->next_key;
	} else {
		vx_pki_key_free(c->next_key);
	}
	c->next_key = NULL;
	a->dirty = true;
}

static void check_key_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	const struct vx_acme_account *const c = vx_acme_account_of(a);

	take_next_key(a, vx_slice_eq(answer->location, vx_slice_str(c->url)));
	vx_acme_go(a, VX_ACME_PH_ACCOUNT);
}

static void begin_roll_over(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);
	struct vx_buf jwk = { .max = 4096 }, inner = { .max = 8192 },
		      whole = { .max = 16384 };
	int rc = VX_OK;

	if (c->directory.key_change[0] == '\0') {
		vx_acme_fail_text(
		    a, VX_ACME_P_OURS, "%s does not let keys be changed", c->id);
		return;
	}
	if (c->next_key == NULL) {
		if (vx_pki_key_generate(VX_PKI_P256, &c->next_key) != VX_OK)
			vx_acme_fail_text(
			    a, VX_ACME_P_OURS, "no key can be made for the account");
		a->dirty = true;
		return;
	}
	rc = vx_pki_key_jwk(c->key, &jwk);
	vx_buf_printf(&inner, "{\"account\":\"%s\",\"oldKey\":", c->url);
	vx_buf_add(&inner, vx_buf_slice(&jwk));
	vx_buf_add_char(&inner, '}');
	if (rc == VX_OK)
		rc = vx_acme_sign(c->next_key, NULL, NULL, c->directory.key_change,
		    vx_buf_slice(&inner), &whole);
	if (rc == VX_OK)
		vx_acme_post_text(a, c->directory.key_change, vx_buf_slice(&whole));
	else
		vx_acme_fail_text(a, VX_ACME_P_OURS, "the key cannot be signed");
	vx_buf_done(&jwk);
	vx_buf_done(&inner);
	vx_buf_done(&whole);
}

/* --- the end of accounts (7.3.6) ------------------------------------------------------
 */

static void begin_deactivate(struct vx_acme *a)
{
	vx_acme_post(
	    a, vx_acme_account_of(a)->url, json_pack("{s:s}", "status", "deactivated"));
}

/* --- windows (RFC 9773 4) ------------------------------------------------------------
 */

static void begin_window(struct vx_acme *a)
{
	const struct vx_acme_account *const c = vx_acme_account_of(a);
	struct vx_acme_lineage *const l = a->task.l;
	struct vx_buf url = { .max = VX_ACME_URL_MAX };

	vx_buf_printf(&url, "%s/", c->directory.renewal_info);
	if (c->directory.renewal_info[0] == '\0' || !vx_acme_cert_id(&l->cert, &url) ||
	    url.failed) {
		l->window_next = a->now + WINDOW_MAX_S;
		vx_acme_end(a, VX_OK, "");
	} else {
		vx_acme_get(a, url.ptr);
	}
	vx_buf_done(&url);
}

static void window_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_lineage *const l = a->task.l;
	struct vx_acme_window w;
	int64_t again =
	    vx_acme_retry_after(answer->retry_after, a->now, WINDOW_STANDARD_S);

	if (again < WINDOW_MIN_S)
		again = WINDOW_MIN_S;
	if (again > WINDOW_MAX_S)
		again = WINDOW_MAX_S;
	l->window_next = a->now + again;
	a->dirty = true;
	/* once for each window: a time that is chosen again and again is the last one */
	if (vx_acme_read_window(answer->body, &w) != VX_OK) {
		vx_acme_tell(a, VX_ACME_WARN, "%s says no window that can be understood",
		    vx_acme_account_of(a)->id);
	} else if (w.start != l->window_start || w.end != l->window_end) {
		l->window_start = w.start;
		l->window_end = w.end;
		l->chosen =
		    w.start + (int64_t)vx_acme_random(a, (uint64_t)(w.end - w.start));
		if (l->chosen <= a->now)
			vx_acme_tell(a, VX_ACME_WARN,
			    "%s wants this certificate to be replaced now: %s",
			    vx_acme_account_of(a)->id,
			    w.explanation[0] == '\0' ? "it does not say why"
						     : w.explanation);
	}
	vx_acme_end(a, VX_OK, "");
}

/* --- phases ------------------------------------------------------------------------- */

static void after_directory(struct vx_acme *a)
{
	vx_acme_go(a, a->task.type == VX_ACME_T_WINDOW         ? VX_ACME_PH_WINDOW
		      : a->task.type == VX_ACME_T_REVOKE_OTHER ? VX_ACME_PH_REVOKE
							       : VX_ACME_PH_CHECK_KEY);
}

static void begin_directory(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (c->directory_at != 0 && a->now >= c->directory_at &&
	    a->now - c->directory_at < DIRECTORY_S)
		after_directory(a);
	else
		vx_acme_get(a, c->directory_url);
}

static void directory_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	if (vx_acme_read_directory(answer->body, &c->directory) != VX_OK) {
		vx_acme_fail_text(a, VX_ACME_P_TRANSPORT,
		    "what %.300s gave is no directory of ACME", c->directory_url);
		return;
	}
	c->directory_at = a->now;
	memcpy(c->issuers, c->directory.issuers, sizeof(c->issuers));
	after_directory(a);
}

void vx_acme_begin_account(struct vx_acme *a)
{
	switch ((int)a->phase) {
	case VX_ACME_PH_DIRECTORY:
		begin_directory(a);
		break;
	case VX_ACME_PH_CHECK_KEY:
		begin_check_key(a);
		break;
	case VX_ACME_PH_ACCOUNT:
		begin_account(a);
		break;
	case VX_ACME_PH_AGREE:
		vx_acme_post(a, vx_acme_account_of(a)->url,
		    json_pack("{s:b}", "termsOfServiceAgreed", 1));
		break;
	case VX_ACME_PH_WINDOW:
		begin_window(a);
		break;
	case VX_ACME_PH_REVOKE:
		vx_acme_begin_revoke(a);
		break;
	case VX_ACME_PH_ROLL_OVER:
		begin_roll_over(a);
		break;
	default:
		begin_deactivate(a);
	}
}

void vx_acme_account_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	switch ((int)a->phase) {
	case VX_ACME_PH_DIRECTORY:
		directory_answer(a, answer);
		break;
	case VX_ACME_PH_CHECK_KEY:
		check_key_answer(a, answer);
		break;
	case VX_ACME_PH_ACCOUNT:
		account_answer(a, answer);
		break;
	case VX_ACME_PH_AGREE:
		vx_acme_order_start(a);
		break;
	case VX_ACME_PH_WINDOW:
		window_answer(a, answer);
		break;
	case VX_ACME_PH_REVOKE:
		vx_acme_revoked(a, "the certificate is revoked");
		break;
	case VX_ACME_PH_ROLL_OVER:
		take_next_key(a, true);
		vx_acme_end(a, VX_OK, "the account has another key");
		break;
	default:
		vx_acme_account_of(a)->deactivated = true;
		a->dirty = true;
		vx_acme_end(a, VX_OK, "the account is deactivated");
	}
}

bool vx_acme_account_problem(struct vx_acme *a, const struct vx_acme_problem *p)
{
	/* a directory that asks for it has not said where anything is */
	if (p->what == VX_ACME_P_TERMS && a->agrees && !a->agreed_again &&
	    a->phase != VX_ACME_PH_DIRECTORY && vx_acme_account_of(a)->url[0] != '\0') {
		a->agreed_again = true;
		vx_acme_tell(a, VX_ACME_WARN,
		    "there are new terms, which are agreed to: %s", p->text);
		vx_acme_go(a, VX_ACME_PH_AGREE);
		return true;
	}
	if (a->phase == VX_ACME_PH_CHECK_KEY && p->what == VX_ACME_P_ACCOUNT) {
		take_next_key(a, false);
		vx_acme_go(a, VX_ACME_PH_ACCOUNT);
		return true;
	}
	if (a->phase == VX_ACME_PH_REVOKE && p->what == VX_ACME_P_REVOKED_ALREADY) {
		vx_acme_revoked(a, "the certificate was revoked before");
		return true;
	}
	/* what is refused is over; what nobody answered is looked at next time */
	if (a->phase == VX_ACME_PH_ROLL_OVER && p->what != VX_ACME_P_LIMITED &&
	    p->what != VX_ACME_P_SERVER && p->what != VX_ACME_P_TRANSPORT)
		take_next_key(a, false);
	return false;
}
