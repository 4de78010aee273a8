/*
 * Any octets as the peer's compressed stream.  The session behind says all back, so what
 * the peer hears must be what it sent, in whatever pieces; the first octet says how to
 * cut.
 */
#define ZLIB_CONST
#include "zip/zip.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SAID_MAX = 1 << 20 /* enough of a bomb */
};

struct host {
	struct vx_session session;
	struct vx_session_host host;
	struct vx_buf took;
	bool woken;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void wake(struct vx_session_host *host)
{
	((struct host *)(void *)((char *)host - offsetof(struct host, host)))->woken =
	    true;
}

static int say_back(struct vx_session *s, vx_slice *in, struct vx_buf *out)
{
	struct host *h = (struct host *)(void *)s;

	must(in->len <= VX_ZIP_PIECE);
	vx_buf_add(&h->took, *in);
	vx_buf_add(out, *in);
	*in = vx_slice_from(*in, in->len);
	return h->took.failed                      ? VX_DONE
	       : out->len >= VX_SESSION_HIGH_WATER ? VX_DATA
						   : VX_MORE;
}

static void hear(z_stream *z, struct vx_buf *out, struct vx_buf *heard)
{
	z->next_in = (const Bytef *)out->ptr;
	z->avail_in = (uInt)out->len;
	do {
		char *p = vx_buf_reserve(heard, 4096);
		int rc;

		must(p != NULL);
		z->next_out = (Bytef *)p;
		z->avail_out = 4096;
		rc = inflate(z, Z_SYNC_FLUSH);
		must(rc == Z_OK || rc == Z_BUF_ERROR);
		heard->len += 4096 - z->avail_out;
	} while (z->avail_out == 0);
	vx_buf_reset(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host h = { .host = { .wake = wake }, .took = { .max = SAID_MAX } };
	struct vx_buf out = { .max = 4 << 20 }, heard = { .max = SAID_MAX + (4 << 20) };
	z_stream peer = { 0 };
	struct vx_zip *z;
	vx_slice in;
	size_t cut;
	int rc = VX_MORE;

	if (size == 0)
		return 0;
	h.session.host = &h.host;
	cut = (size_t)data[0] + 1;
	in = vx_slice_of(data + 1, size - 1);
	must(inflateInit2(&peer, -15) == Z_OK && vx_zip_new(&z) == VX_OK);
	while ((in.len > 0 && rc == VX_MORE) || rc == VX_DATA || rc == VX_WAIT) {
		vx_slice piece = vx_slice_head(in, cut);
		const size_t before = piece.len, took = h.took.len;

		h.woken = false;
		rc = vx_zip_drive(z, &h.session, say_back, &piece, &out);
		in = vx_slice_from(in, before - piece.len);
		must(rc >= 0 && (rc != VX_WAIT || h.woken));
		must(h.took.len - took <= VX_ZIP_STEP_MAX + VX_ZIP_PIECE);
		must(vx_zip_memory(z) <= VX_ZIP_MEMORY_MAX);
		hear(&peer, &out, &heard);
		if (rc == VX_MORE) {
			must(heard.len == h.took.len);
			if (cut % 2 == 0)
				vx_zip_rest(z);
		}
	}
	must(h.took.failed || vx_slice_eq(vx_buf_slice(&heard), vx_buf_slice(&h.took)));
	(void)inflateEnd(&peer);
	vx_zip_free(z);
	vx_buf_done(&out);
	vx_buf_done(&heard);
	vx_buf_done(&h.took);
	return 0;
}
