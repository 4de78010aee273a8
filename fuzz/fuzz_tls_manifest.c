/*
 * Manifests and PEM files that anybody may have written.
 *
 * Input: 'm' and a manifest, whose lines are written again as they were; or another
 * octet, a chain, NUL, and a key, which are refused with a text, or can be used.
 */
#include "tls/certs_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void manifest(vx_slice text)
{
	struct vx_buf again = { .max = VX_MANIFEST_MAX };
	struct vx_manifest_line l;
	vx_slice rest = text;

	while (vx_manifest_next(&rest, &l) == VX_OK) {
		must(l.name.len > 0 && l.name.len <= VX_CERTS_NAME_MAX);
		must(vx_slice_find(l.name, '/') == l.name.len && l.name.ptr[0] != '.');
		must(l.generation > 0);
		vx_buf_printf(&again, "%.*s %llu %.*s\n", (int)l.name.len, l.name.ptr,
		    (unsigned long long)l.generation, (int)l.provider.len,
		    l.provider.ptr);
	}
	must(again.failed || vx_slice_has_prefix(text, vx_buf_slice(&again)));
	vx_buf_done(&again);
}

static void pair(vx_slice text)
{
	struct vx_tls_pair p = {
		.chain_name = "chain", .key_name = "key", .expired_too = true
	};
	struct vx_error err = { .text = "" };
	struct vx_tls_cert *cert;
	int rc;

	(void)vx_slice_cut(&text, '\0', &p.chain);
	p.key = text.len > 0 ? text : p.chain;
	rc = vx_tls_cert_new(&p, NULL, &cert, &err);
	if (rc == VX_OK) {
		must(cert->names.len > 0 && cert->info.names[0] != '\0');
		must(strlen(cert->info.serial) < VX_TLS_SERIAL_MAX);
		vx_tls_cert_free(cert);
	} else {
		must(rc < 0 && err.text[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > VX_MANIFEST_MAX)
		return 0;
	if (data[0] == 'm')
		manifest(vx_slice_of(data + 1, size - 1));
	else
		pair(vx_slice_of(data + 1, size - 1));
	return 0;
}
