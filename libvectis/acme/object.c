/* What an authority says: directory, order, authorization, window, problem. */
#include "acme/acme_int.h"
#include "base/chars.h"
#include "vectis/dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* --- JSON with limits --------------------------------------------------------------- */

/* The library recurses for each bracket. */
static bool is_shallow(vx_slice text)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		const char c = text.ptr[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else
				in_string = c != '"';
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > VX_ACME_JSON_DEPTH_MAX)
				return false;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return true;
}

json_t *vx_acme_json(vx_slice text, size_t octets_max)
{
	json_error_t err;

	if (text.len == 0 || text.len > octets_max || !is_shallow(text))
		return NULL;
	return json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &err);
}

static int add_octets(const char *octets, size_t n, void *out)
{
	struct vx_buf *const b = out;

	vx_buf_add(b, vx_slice_of(octets, n));
	return b->failed ? -1 : 0;
}

int vx_acme_write(const json_t *o, size_t flags, struct vx_buf *out)
{
	if (o == NULL)
		return VX_ENOMEM;
	if (json_dump_callback(o, add_octets, out, flags) == 0)
		return VX_OK;
	return out->failed ? VX_ELIMIT : VX_ENOMEM;
}

bool vx_acme_is_url(vx_slice s)
{
	if (s.len > VX_ACME_URL_MAX || !vx_slice_has_prefix(s, VX_S("https://")) ||
	    s.len == sizeof("https://") - 1)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' ||
		    strchr("\"\\<>", s.ptr[i]) != NULL)
			return false;
	return true;
}

/* A member that is a URL; one that is not there leaves out as it is. */
static bool get_url(const json_t *object, const char *name, vx_acme_url out)
{
	const char *const text = json_string_value(json_object_get(object, name));

	if (text == NULL || !vx_acme_is_url(vx_slice_str(text)))
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static const char *get_text(const json_t *object, const char *name)
{
	const char *const text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* --- names -------------------------------------------------------------------------- */

static bool is_label(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && s.ptr[i] != '-')
			return false;
	return s.len > 0 && s.len <= 63 && s.ptr[0] != '-' && s.ptr[s.len - 1] != '-';
}

bool vx_acme_is_name(const char *name)
{
	vx_slice rest = vx_slice_str(name), label;
	unsigned char address[16];
	size_t labels = 0;

	if (rest.len == 0 || rest.len > VX_ACME_NAME_MAX)
		return false;
	if (inet_pton(AF_INET, name, address) == 1 ||
	    inet_pton(AF_INET6, name, address) == 1)
		return true;
	for (size_t i = 0; i < rest.len; i++)
		if (vx_lower(rest.ptr[i]) != rest.ptr[i])
			return false;
	if (vx_slice_has_prefix(rest, VX_S("*.")))
		rest = vx_slice_from(rest, 2);
	do {
		if (labels++ > 127 || rest.len == 0)
			return false;
		(void)vx_slice_cut(&rest, '.', &label);
		if (!is_label(label))
			return false;
	} while (rest.len > 0);
	return labels >= 2 && name[strlen(name) - 1] != '.';
}

/* --- problems (RFC 8555 6.7) -------------------------------------------------------- */

#define URN "urn:ietf:params:acme:error:"

static const struct {
	const char *name;
	enum vx_acme_problem_class what;
} types[] = {
	{ "accountDoesNotExist", VX_ACME_P_ACCOUNT },
	{ "alreadyReplaced", VX_ACME_P_REPLACED },
	{ "alreadyRevoked", VX_ACME_P_REVOKED_ALREADY },
	{ "badCSR", VX_ACME_P_STOP },
	{ "badNonce", VX_ACME_P_NONCE },
	{ "badPublicKey", VX_ACME_P_STOP },
	{ "badRevocationReason", VX_ACME_P_STOP },
	{ "badSignatureAlgorithm", VX_ACME_P_STOP },
	{ "caa", VX_ACME_P_CAA },
	{ "connection", VX_ACME_P_VALIDATION },
	{ "dns", VX_ACME_P_VALIDATION },
	{ "externalAccountRequired", VX_ACME_P_STOP },
	{ "incorrectResponse", VX_ACME_P_VALIDATION },
	{ "invalidContact", VX_ACME_P_STOP },
	{ "invalidProfile", VX_ACME_P_PROFILE },
	{ "malformed", VX_ACME_P_STOP },
	{ "orderNotReady", VX_ACME_P_NOT_READY },
	{ "rateLimited", VX_ACME_P_LIMITED },
	{ "rejectedIdentifier", VX_ACME_P_NAMES },
	{ "serverInternal", VX_ACME_P_SERVER },
	{ "tls", VX_ACME_P_VALIDATION },
	{ "unauthorized", VX_ACME_P_UNAUTHORIZED },
	{ "unsupportedContact", VX_ACME_P_STOP },
	{ "unsupportedIdentifier", VX_ACME_P_NAMES },
	{ "userActionRequired", VX_ACME_P_TERMS },
};

static enum vx_acme_problem_class class_of(const char *type)
{
	const vx_slice s = vx_slice_str(type);

	if (!vx_slice_has_prefix(s, VX_S(URN)))
		return VX_ACME_P_SERVER;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (vx_slice_eq(
			vx_slice_from(s, sizeof(URN) - 1), vx_slice_str(types[i].name)))
			return types[i].what;
	return VX_ACME_P_SERVER;
}

static const char *short_type(const char *type)
{
	const char *const colon = strrchr(type, ':');

	return colon == NULL ? type : colon + 1;
}

/* A name behind the others, with a blank before and behind it. */
static void put_word(char *out, size_t size, const char *word)
{
	const size_t at = strlen(out), n = strlen(word);

	if (n == 0 || strchr(word, ' ') != NULL || at + n + 3 > size)
		return;
	(void)snprintf(out + at, size - at, at == 0 ? " %s " : "%s ", word);
}

/* Text is cut where it ends. */
static void put_text(char out[VX_ACME_TEXT_MAX], const char *a, const char *b)
{
	const size_t at = strlen(out);

	(void)snprintf(out + at, VX_ACME_TEXT_MAX - at, "%s%s%s%s", at > 0 ? "; " : "", a,
	    a[0] != '\0' && b[0] != '\0' ? ": " : "", b);
}

/* "https://.../unpause?..." in a limit's text: only a person can go on. */
static bool is_paused(const char *text)
{
	return strstr(text, "unpause") != NULL;
}

static void read_object(const json_t *o, struct vx_acme_problem *out)
{
	const char *const type = get_text(o, "type");
	const json_t *const list = json_object_get(o, "subproblems");

	out->what = class_of(type);
	put_text(out->text, short_type(type), get_text(o, "detail"));
	for (size_t i = 0; i < json_array_size(list) && i < VX_ACME_NAMES_MAX; i++) {
		const json_t *const sub = json_array_get(list, i);
		const char *const name =
		    get_text(json_object_get(sub, "identifier"), "value");

		put_word(out->names, sizeof(out->names), name);
		put_text(out->text, name, get_text(sub, "detail"));
	}
	out->paused = out->what == VX_ACME_P_LIMITED && is_paused(out->text);
}

void vx_acme_read_problem(unsigned status, vx_slice body, struct vx_acme_problem *out)
{
	json_t *const o = vx_acme_json(body, VX_ACME_JSON_MAX);

	*out = (struct vx_acme_problem){ .what = VX_ACME_P_TRANSPORT };
	if (json_is_string(json_object_get(o, "type"))) {
		read_object(o, out);
	} else {
		(void)snprintf(out->text, sizeof(out->text),
		    "the authority answered with status %u and no reason", status);
	}
	json_decref(o);
	if ((status == 429 || status == 503) && out->what != VX_ACME_P_LIMITED) {
		out->what = VX_ACME_P_LIMITED;
		out->overload = true;
	}
}

/* --- the directory (7.1.1) ---------------------------------------------------------- */

/* Names of authorities as records have them, with blanks between them. */
static void read_issuers(const json_t *list, char out[512])
{
	char name[VX_DNS_NAME_MAX + 1];
	struct vx_buf all = { .max = 511 };

	for (size_t i = 0; i < json_array_size(list) && i < VX_ACME_NAMES_MAX; i++) {
		const char *const text = json_string_value(json_array_get(list, i));

		if (text == NULL || vx_dns_name(vx_slice_str(text), name) != VX_OK ||
		    !vx_dns_is_host(name) || all.len + strlen(name) + 1 > all.max)
			continue;
		vx_buf_printf(&all, "%s%s", all.len > 0 ? " " : "", name);
	}
	if (all.len > 0 && !all.failed)
		memcpy(out, all.ptr, all.len + 1);
	vx_buf_done(&all);
}

static void read_meta(const json_t *meta, struct vx_acme_directory *out)
{
	const char *name;
	json_t *value;

	(void)get_url(meta, "termsOfService", out->terms);
	out->external_account =
	    json_is_true(json_object_get(meta, "externalAccountRequired"));
	json_object_foreach(json_object_get(meta, "profiles"), name, value)
	    put_word(out->profiles, sizeof(out->profiles), name);
	read_issuers(json_object_get(meta, "caaIdentities"), out->issuers);
}

int vx_acme_read_directory(vx_slice body, struct vx_acme_directory *out)
{
	json_t *const o = vx_acme_json(body, VX_ACME_JSON_MAX);
	struct vx_acme_directory d = { .external_account = false };
	const bool good = get_url(o, "newNonce", d.new_nonce) &&
			  get_url(o, "newAccount", d.new_account) &&
			  get_url(o, "newOrder", d.new_order);

	(void)get_url(o, "revokeCert", d.revoke);
	(void)get_url(o, "keyChange", d.key_change);
	(void)get_url(o, "renewalInfo", d.renewal_info);
	read_meta(json_object_get(o, "meta"), &d);
	json_decref(o);
	if (good)
		*out = d;
	return good ? VX_OK : VX_EPROTO;
}

/* --- orders and authorizations (7.1.3, 7.1.4) --------------------------------------- */

static bool get_status(const json_t *o, enum vx_acme_object_status *out)
{
	static const struct {
		const char *name;
		enum vx_acme_object_status status;
	} words[] = { { "pending", VX_ACME_PENDING }, { "ready", VX_ACME_READY },
		{ "processing", VX_ACME_PROCESSING }, { "valid", VX_ACME_VALID },
		{ "invalid", VX_ACME_INVALID }, { "deactivated", VX_ACME_INVALID },
		{ "expired", VX_ACME_INVALID }, { "revoked", VX_ACME_INVALID } };
	const char *const text = get_text(o, "status");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].name) == 0) {
			*out = words[i].status;
			return true;
		}
	return false;
}

static void get_error(const json_t *o, struct vx_acme_problem *out)
{
	const json_t *const error = json_object_get(o, "error");

	if (json_is_object(error))
		read_object(error, out);
}

static bool fill_order(const json_t *o, struct vx_acme_order *out)
{
	const json_t *const list = json_object_get(o, "authorizations");

	if (!get_status(o, &out->status) || !get_url(o, "finalize", out->finalize))
		return false;
	if (json_array_size(list) > VX_ACME_NAMES_MAX)
		return false;
	for (; out->count < json_array_size(list); out->count++) {
		const char *const url =
		    json_string_value(json_array_get(list, out->count));

		if (url == NULL || !vx_acme_is_url(vx_slice_str(url)))
			return false;
		memcpy(out->authorizations[out->count], url, strlen(url) + 1);
	}
	get_error(o, &out->problem);
	return get_url(o, "certificate", out->certificate) ||
	       out->status != VX_ACME_VALID;
}

int vx_acme_read_order(vx_slice body, struct vx_acme_order *out)
{
	json_t *const o = vx_acme_json(body, VX_ACME_JSON_MAX);
	bool good;

	*out = (struct vx_acme_order){ .count = 0 };
	good = fill_order(o, out);
	json_decref(o);
	return good ? VX_OK : VX_EPROTO;
}

/* A token has octets of base64url only (8.1): it becomes a part of a path. */
static bool is_token(const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++)
		if (!vx_is(text[i], VX_C_ALPHA | VX_C_DIGIT) && text[i] != '-' &&
		    text[i] != '_')
			return false;
	return text[0] != '\0' && strlen(text) <= VX_ACME_TOKEN_MAX;
}

static unsigned challenge_of(const char *name)
{
	static const enum vx_acme_challenge all[] = { VX_ACME_HTTP_01, VX_ACME_DNS_01,
		VX_ACME_TLS_ALPN_01, VX_ACME_DNS_PERSIST_01 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, vx_acme_challenge_name(all[i])) == 0)
			return all[i];
	return 0;
}

/* Where the authority went, when it could not validate. */
static void add_address(const json_t *challenge, struct vx_acme_problem *p)
{
	const json_t *const list = json_object_get(challenge, "validationRecord");
	const size_t n = json_array_size(list);
	const char *address = "";

	for (size_t i = 0; i < n && address[0] == '\0'; i++)
		address = get_text(json_array_get(list, n - 1 - i), "addressUsed");
	if (address[0] != '\0' && p->text[0] != '\0')
		put_text(p->text, "the address that it tried", address);
}

static void read_offer(const json_t *o, struct vx_acme_authz *out)
{
	struct vx_acme_offer offer = { .type = challenge_of(get_text(o, "type")) };
	const char *const token = get_text(o, "token");

	if (out->problem.text[0] == '\0') {
		get_error(o, &out->problem);
		add_address(o, &out->problem);
	}
	if (offer.type == 0 || !get_url(o, "url", offer.url) ||
	    !get_status(o, &offer.status))
		return;
	if (offer.type == VX_ACME_DNS_PERSIST_01)
		read_issuers(json_object_get(o, "issuer-domain-names"), offer.issuers);
	if (is_token(token))
		memcpy(offer.token, token, strlen(token) + 1);
	else if (offer.type != VX_ACME_DNS_PERSIST_01)
		return;
	if (out->count < VX_ACME_CHALLENGES_MAX)
		out->offers[out->count++] = offer;
}

static bool fill_authz(const json_t *o, struct vx_acme_authz *out)
{
	const json_t *const list = json_object_get(o, "challenges");
	const char *const name = get_text(json_object_get(o, "identifier"), "value");

	if (!get_status(o, &out->status) || !vx_acme_is_name(name) || name[0] == '*')
		return false;
	memcpy(out->name, name, strlen(name) + 1);
	out->wildcard = json_is_true(json_object_get(o, "wildcard"));
	for (size_t i = 0; i < json_array_size(list) && i < 4 * VX_ACME_CHALLENGES_MAX;
	     i++)
		read_offer(json_array_get(list, i), out);
	return true;
}

int vx_acme_read_authz(vx_slice body, struct vx_acme_authz *out)
{
	json_t *const o = vx_acme_json(body, VX_ACME_JSON_MAX);
	bool good;

	*out = (struct vx_acme_authz){ .count = 0 };
	good = fill_authz(o, out);
	json_decref(o);
	return good ? VX_OK : VX_EPROTO;
}

/* --- the window of a renewal (RFC 9773 4.2) ----------------------------------------- */

int vx_acme_read_window(vx_slice body, struct vx_acme_window *out)
{
	json_t *const o = vx_acme_json(body, VX_ACME_JSON_MAX);
	const json_t *const w = json_object_get(o, "suggestedWindow");
	struct vx_acme_window window = { .start = 0 };
	const bool good =
	    vx_acme_time(vx_slice_str(get_text(w, "start")), &window.start) == VX_OK &&
	    vx_acme_time(vx_slice_str(get_text(w, "end")), &window.end) == VX_OK &&
	    window.end > window.start;

	(void)snprintf(window.explanation, sizeof(window.explanation), "%s",
	    get_text(o, "explanationURL"));
	json_decref(o);
	if (good)
		*out = window;
	return good ? VX_OK : VX_EPROTO;
}
