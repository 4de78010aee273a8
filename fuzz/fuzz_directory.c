/*
 * Records of the directory, credentials and addresses out of hostile octets: what is
 * read lies inside, and what was normalised stays as it is.
 *
 * Input: 'r' and a record's octets behind its header; 'c' and a credential; else an
 * address.
 */
#include "directory/record.h"
#include "store/keys.h"
#include "vectis/crypto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static bool inside(vx_slice part, vx_slice whole)
{
	return part.len == 0 || (part.ptr >= whole.ptr && part.len <= whole.len &&
				    part.ptr + part.len <= whole.ptr + whole.len);
}

/* What is read of a domain's ownership is written in the same octets. */
static void ownership(const struct vx_dir_record *r)
{
	char octets[VX_DIR_OWNERSHIP_OCTETS];
	struct vx_dir_record again = { .flags = 0 };
	struct vx_domain d;

	if (vx_dir_ownership(r, &d) != VX_OK)
		return;
	must(d.token.len == (r->ownership.len > 0 ? VX_DOMAIN_TOKEN_OCTETS : 0));
	must(inside(d.token, r->ownership));
	must(d.token.len > 0 || d.status == VX_DOMAIN_VERIFIED);
	must(vx_dir_set_ownership(&d, &again, octets) == VX_OK);
	must(vx_slice_eq(again.ownership, r->ownership));
}

/* With a right checksum, as a disk that lies cannot make it but a bug of ours can. */
static void record(vx_slice octets)
{
	const size_t len = VX_VALUE_HEADER + octets.len;
	char *v = calloc(1, len);
	struct vx_dir_record r;

	must(v != NULL);
	if (octets.len > 0)
		memcpy(v + VX_VALUE_HEADER, octets.ptr, octets.len);
	must(vx_dir_parse(vx_slice_of(v, len), &r) != VX_OK); /* not sealed */
	vx_value_seal(v, len, 'd');
	if (vx_dir_parse(vx_slice_of(v, len), &r) == VX_OK) {
		for (size_t i = 0; i < VX_DIR_STRINGS; i++) {
			vx_slice targets = r.strings[i], one;

			must(inside(r.strings[i], vx_slice_of(v, len)));
			while (vx_directory_target(&targets, &one))
				must(inside(one, r.strings[i]));
		}
		must(inside(r.ownership, vx_slice_of(v, len)));
		ownership(&r);
	}
	free(v);
}

static void credential(vx_slice text)
{
	struct vx_error err = { .text = "" };
	struct vx_credential c;

	if (vx_credential_parse(text, &c) == VX_OK)
		must(inside(c.hash, text) && c.hash.len > 0);
	must(vx_password_hash_check(text, &err) == VX_OK || err.text[0] != '\0');
}

static void address(vx_slice text)
{
	struct vx_buf once = { .max = VX_ADDRESS_MAX }, twice = { .max = VX_ADDRESS_MAX };

	if (vx_directory_normalise(text, &once) == VX_OK && !once.failed) {
		struct vx_dir_key k;

		must(vx_directory_normalise(vx_buf_slice(&once), &twice) == VX_OK);
		must(vx_slice_eq(vx_buf_slice(&once), vx_buf_slice(&twice)));
		must(vx_dir_key(&k, VX_DIR_ACCOUNT, vx_buf_slice(&once)) == VX_OK);
	}
	vx_buf_done(&once);
	vx_buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice rest = vx_slice_of(data + 1, size - 1);

	if (size < 1 || size > 8192)
		return 0;
	if (data[0] == 'r')
		record(rest);
	else if (data[0] == 'c')
		credential(rest);
	else
		address(vx_slice_of(data, size));
	return 0;
}
