#define ZLIB_CONST
#include "zip/gzip.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <limits.h>
#include <zlib.h>

enum {
	GZIP = 15 + 16, /* window bits: the largest, with gzip's header */
	RAW = -15,
	PIECE = 65536,
	END_OCTETS = 22, /* "end of central directory", without its comment */
	CENTRAL_OCTETS = 46,
	LOCAL_OCTETS = 30,
	STORED = 0,
	DEFLATED = 8,
	ENCRYPTED = 1
};

static void *zip_alloc(void *opaque, unsigned items, unsigned size)
{
	(void)opaque;
	return vx_alloc_array(items, size);
}

static void zip_free(void *opaque, void *ptr)
{
	(void)opaque;
	vx_free(ptr);
}

static void begin(z_stream *z, vx_slice in)
{
	*z = (z_stream){ .zalloc = zip_alloc, .zfree = zip_free };
	z->next_in = (const unsigned char *)(const void *)in.ptr;
}

static void feed(z_stream *z, size_t *left)
{
	if (z->avail_in > 0 || *left == 0)
		return;
	z->avail_in = *left > UINT_MAX / 2 ? UINT_MAX / 2 : (unsigned)*left;
	*left -= z->avail_in;
}

/* --- packing ---------------------------------------------------------------------------
 */

static int deflate_all(z_stream *z, size_t left, struct vx_buf *out)
{
	unsigned char piece[4096];
	int rc = Z_OK;

	while (rc == Z_OK && !out->failed) {
		feed(z, &left);
		z->next_out = piece;
		z->avail_out = sizeof(piece);
		rc = deflate(z, left == 0 ? Z_FINISH : Z_NO_FLUSH);
		vx_buf_add(out, vx_slice_of(piece, sizeof(piece) - z->avail_out));
	}
	if (out->failed)
		return VX_ELIMIT;
	return rc == Z_STREAM_END ? VX_OK : VX_ENOMEM;
}

int vx_gzip(vx_slice in, struct vx_buf *out)
{
	const size_t before = out->len;
	z_stream z;
	int rc;

	begin(&z, in);
	if (deflateInit2(
		&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return VX_ENOMEM;
	rc = deflate_all(&z, in.len, out);
	(void)deflateEnd(&z);
	if (rc != VX_OK)
		vx_buf_truncate(out, before);
	return rc;
}

/* --- unpacking -------------------------------------------------------------------------
 */

/* One stream to its end; what follows stays in z. */
static int inflate_one(z_stream *z, size_t *left, struct vx_buf *out)
{
	unsigned char *piece = vx_alloc(PIECE);
	int rc = piece == NULL ? Z_MEM_ERROR : Z_OK;

	while (rc == Z_OK && !out->failed) {
		feed(z, left);
		z->next_out = piece;
		z->avail_out = PIECE;
		rc = inflate(z, Z_NO_FLUSH);
		vx_buf_add(out, vx_slice_of(piece, PIECE - z->avail_out));
	}
	vx_free(piece);
	if (out->failed)
		return VX_ELIMIT;
	if (rc == Z_MEM_ERROR)
		return VX_ENOMEM;
	return rc == Z_STREAM_END ? VX_OK : VX_ESYNTAX;
}

static bool is_gzip(const z_stream *z)
{
	return z->avail_in >= 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b;
}

static int inflate_all(vx_slice in, int bits, struct vx_buf *out)
{
	const size_t before = out->len;
	size_t left = in.len;
	z_stream z;
	int rc;

	begin(&z, in);
	if (inflateInit2(&z, bits) != Z_OK)
		return VX_ENOMEM;
	do {
		rc = inflate_one(&z, &left, out);
		feed(&z, &left);
	} while (rc == VX_OK && bits == GZIP && is_gzip(&z) && inflateReset(&z) == Z_OK);
	(void)inflateEnd(&z);
	if (rc != VX_OK) {
		vx_buf_truncate(out, before);
		out->failed = false;
	}
	return rc;
}

int vx_gunzip(vx_slice in, struct vx_buf *out)
{
	return inflate_all(in, GZIP, out);
}

/* --- archives --------------------------------------------------------------------------
 */

/* Where the list of files begins, found from the end: a comment may follow. */
static int find_directory(vx_slice in, size_t *offset, unsigned *entries)
{
	const size_t most = in.len < END_OCTETS + 65535 ? in.len : END_OCTETS + 65535;

	for (size_t back = END_OCTETS; back <= most; back++) {
		const char *p = in.ptr + in.len - back;

		if (memcmp(p, "PK\5\6", 4) != 0)
			continue;
		*entries = vx_get_le16(p + 10);
		*offset = vx_get_le32(p + 16);
		return *offset < in.len ? VX_OK : VX_ESYNTAX;
	}
	return VX_ESYNTAX;
}

struct entry {
	unsigned flags, method;
	size_t packed, at; /* its octets; where its local header is */
	bool is_directory;
};

static int read_entry(vx_slice in, size_t *offset, struct entry *out)
{
	const vx_slice rest = vx_slice_from(in, *offset);
	size_t name;

	if (rest.len < CENTRAL_OCTETS || memcmp(rest.ptr, "PK\1\2", 4) != 0)
		return VX_ESYNTAX;
	name = vx_get_le16(rest.ptr + 28);
	*out = (struct entry){ .flags = vx_get_le16(rest.ptr + 8),
		.method = vx_get_le16(rest.ptr + 10),
		.packed = vx_get_le32(rest.ptr + 20),
		.at = vx_get_le32(rest.ptr + 42) };
	if (rest.len - CENTRAL_OCTETS < name)
		return VX_ESYNTAX;
	out->is_directory = name == 0 || rest.ptr[CENTRAL_OCTETS + name - 1] == '/';
	*offset += CENTRAL_OCTETS + name + vx_get_le16(rest.ptr + 30) +
		   vx_get_le16(rest.ptr + 32);
	return VX_OK;
}

static int unpack(vx_slice in, const struct entry *e, struct vx_buf *out)
{
	const vx_slice local = vx_slice_from(in, e->at);
	vx_slice data;

	if (local.len < LOCAL_OCTETS || memcmp(local.ptr, "PK\3\4", 4) != 0)
		return VX_ESYNTAX;
	data = vx_slice_from(local, (size_t)LOCAL_OCTETS + vx_get_le16(local.ptr + 26) +
					vx_get_le16(local.ptr + 28));
	if (data.len < e->packed)
		return VX_ESYNTAX;
	data = vx_slice_head(data, e->packed);
	if ((e->flags & ENCRYPTED) != 0)
		return VX_EUNSUP;
	if (e->method == DEFLATED)
		return inflate_all(data, RAW, out);
	if (e->method != STORED)
		return VX_EUNSUP;
	if (data.len > out->max - out->len)
		return VX_ELIMIT;
	vx_buf_add(out, data);
	return out->failed ? VX_ENOMEM : VX_OK;
}

int vx_unzip(vx_slice in, struct vx_buf *out)
{
	unsigned entries = 0;
	struct entry e;
	size_t offset = 0;
	int rc = find_directory(in, &offset, &entries);

	if (entries > VX_ZIP_ENTRIES_MAX)
		entries = VX_ZIP_ENTRIES_MAX;
	while (rc == VX_OK && entries-- > 0) {
		rc = read_entry(in, &offset, &e);
		if (rc == VX_OK && !e.is_directory)
			return unpack(in, &e, out);
	}
	return rc == VX_OK ? VX_ENOENT : rc;
}
