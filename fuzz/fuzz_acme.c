/*
 * An authority that says anything: the core asks for nothing without an end, keeps what
 * it has, and its state can be read again.  The input is a list of answers: status,
 * flags, length (two octets), and then the body.
 */
#include "vectis/acme.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEPS_MAX = 400
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* A key that was made once: making one takes longer than all else. */
static const char key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+5B7Wq2BN0PJl68m\n"
    "AjTxK11f35aK7WhfQTu7+wygx0uhRANCAATlfkA37Bq/VHnNMczrMSXb3F4531MX\n"
    "n/CttdEipfos+xV0+FX30c3x5IYwue8ORIhop9qvbdCAVX1vHN5xLumC\n"
    "-----END PRIVATE KEY-----\n";

static int make_key(void *ctx, enum vx_pki_kind kind, struct vx_pki_key **out)
{
	struct vx_error err;

	(void)ctx;
	(void)kind;
	return vx_pki_key_read(vx_slice_str(key_pem), out, &err);
}

static int start(vx_slice state, struct vx_acme **out)
{
	static const char *const names[] = { "mail.example.com", "*.example.com" };
	static const struct vx_acme_authority ca = { .id = "ca",
		.directory = "https://ca.test/directory" };
	static const struct vx_acme_wanted cert = { .id = "mail",
		.names = names,
		.count = 2,
		.partial = true,
		.dane = "mail.example.com" };
	const struct vx_acme_options o = { .struct_size = sizeof(o),
		.authorities = &ca,
		.authority_count = 1,
		.certs = &cert,
		.cert_count = 1,
		.agrees = true,
		.seed = 1,
		.make_key = make_key };
	struct vx_error err;

	return vx_acme_new(&o, state, out, &err);
}

/* The next answer of the input; false: there is none. */
static bool next_answer(const uint8_t **data, size_t *size, struct vx_acme_answer *out)
{
	static const unsigned statuses[] = { 200, 201, 400, 403, 404, 409, 429, 500,
		503 };
	size_t n;

	if (*size < 4)
		return false;
	*out = (struct vx_acme_answer){ .status = statuses[(*data)[0] % 9] };
	if (((*data)[1] & 1) == 0)
		out->nonce = VX_S("nonce-1");
	if (((*data)[1] & 2) == 0)
		out->location = VX_S("https://ca.test/order/1");
	if (((*data)[1] & 4) != 0)
		out->retry_after = VX_S("3");
	if (((*data)[1] & 8) != 0)
		out->result = VX_EIO;
	if (((*data)[1] & 16) != 0) {
		out->links[0] = VX_S("<https://ca.test/a>;rel=\"alternate\"");
		out->link_count = 1;
	}
	n = (size_t)(*data)[2] | (size_t)(*data)[3] << 8;
	*data += 4;
	*size -= 4;
	if (n > *size)
		n = *size;
	out->body = vx_slice_of(*data, n);
	*data += n;
	*size -= n;
	return true;
}

/* What the DNS says of keys, from one octet: nothing, nobody's, or that of key_pem. */
static void look(const uint8_t **data, size_t *size, struct vx_acme_answer *out)
{
	static char digests[2][VX_PKI_DIGEST_OCTETS];
	const uint8_t said = *size > 0 ? **data : 0;
	struct vx_pki_key *key;

	must(make_key(NULL, VX_PKI_P256, &key) == VX_OK);
	must(vx_pki_key_digest(key, digests[1]) == VX_OK);
	vx_pki_key_free(key);
	if (*size > 0) {
		(*data)++;
		(*size)--;
	}
	out->result = (said & 1) != 0 ? VX_EIO : VX_OK;
	out->secure = (said & 2) != 0;
	out->usable = said >> 2 & 3;
	out->digest_count = out->usable > 2 ? 0 : out->usable; /* others than 3 1 1 */
	out->digests = digests;
	out->ttl = (uint32_t)said << (said & 24);
}

static void check_step(const struct vx_acme_step *s)
{
	if (s->type == VX_ACME_REQUEST) {
		must(strncmp(s->url, "https://", 8) == 0);
		must(strlen(s->url) <= VX_ACME_URL_MAX);
		must(strpbrk(s->url, " \"\\\r\n") == NULL);
	}
	if (s->type == VX_ACME_PERMIT)
		must(s->issuers[0] != '\0' && strpbrk(s->issuers, "\"\\\r\n") == NULL &&
		     s->challenges != 0);
	must(s->type != VX_ACME_INSTALL || s->pair_count == 1);
	must(s->type != VX_ACME_PUBLISH || s->digest_count > 0);
	if (s->type == VX_ACME_PROVISION || s->type == VX_ACME_REMOVE)
		must(strpbrk(s->token, "/. \r\n") == NULL && s->name[0] != '\0');
}

static void check_state(const struct vx_acme *a)
{
	struct vx_buf state = { .max = VX_ACME_STATE_MAX };
	struct vx_acme *again = NULL;

	must(vx_acme_save(a, &state) == VX_OK);
	must(start(vx_buf_slice(&state), &again) == VX_OK);
	vx_acme_free(again);
	vx_buf_wipe(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_buf state = { .max = VX_ACME_STATE_MAX };
	struct vx_acme *a = NULL;
	struct vx_acme_step step;
	int64_t now = 1795888800;

	vx_buf_add_str(&state, "{\"version\":1,\"accounts\":[{\"directory\":"
			       "\"https://ca.test/directory\",\"key\":\"");
	for (size_t i = 0; key_pem[i] != '\0'; i++)
		vx_buf_add_str(
		    &state, key_pem[i] == '\n' ? "\\n" : (char[]){ key_pem[i], '\0' });
	vx_buf_printf(&state, "\"%s}],\"certs\":[]}",
	    size > 0 && (data[size - 1] & 1) != 0 ? ",\"url\":\"https://ca.test/account\""
						  : "");
	must(start(vx_buf_slice(&state), &a) == VX_OK);
	vx_buf_wipe(&state);
	for (int i = 0; i < STEPS_MAX; i++) {
		struct vx_acme_answer answer = { .challenges = VX_ACME_DNS_01 |
							       VX_ACME_DNS_PERSIST_01,
			.persists = "ca.test" };

		if (i % 64 == 63)
			(void)vx_acme_do(a, VX_ACME_ROLL_KEYS, "mail",
			    (unsigned)i / 64 % 3, (uint64_t)i);
		must(vx_acme_next(a, now, &step) == VX_OK);
		check_step(&step);
		if (step.type == VX_ACME_WAIT) {
			must(step.until > now);
			if (size == 0 || step.until == INT64_MAX)
				break;
			now = step.until;
		} else if (step.type != VX_ACME_TELL) {
			if (step.type == VX_ACME_REQUEST &&
			    !next_answer(&data, &size, &answer))
				break;
			if (step.type == VX_ACME_TLSA)
				look(&data, &size, &answer);
			vx_acme_answer(a, now, &answer);
		}
	}
	check_state(a);
	vx_acme_free(a);
	return 0;
}
