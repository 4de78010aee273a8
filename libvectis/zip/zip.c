#define ZLIB_CONST
#include "zip/zip.h"

#include "base/mem.h"

#include <zlib.h>

enum {
	LEVEL = 1, /* the cheapest: the next ones give 2 to 5 % for twice the time */
	WINDOW_BITS = 13,
	MEMORY_LEVEL = 6,
	PEER_WINDOW_BITS = 15, /* the peer's choice: it may use all that DEFLATE has */
	ROOM = 4096,           /* made for zlib's output at a time */
};

struct stream {
	z_stream z;
	size_t held; /* octets */
	bool open;
};

struct vx_zip {
	struct stream in, out;
	struct vx_buf plain; /* inflated, not yet taken by the session */
	struct vx_buf text;  /* said by the session, not yet deflated */
	bool full;           /* the last inflation may have more without new input */
	bool unflushed;      /* the compressor may hold something */
	bool broken;
	bool ended;  /* the peer ended its stream */
	bool ending; /* with what is said by now, ours ends */
};

static voidpf zip_alloc(voidpf opaque, uInt count, uInt size)
{
	struct stream *s = opaque;
	void *p = vx_alloc_array(count, size);

	if (p != NULL)
		s->held += (size_t)count * size;
	return p;
}

static void zip_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	vx_free(p);
}

static void prepare(struct stream *s)
{
	*s = (struct stream){ .z = { .zalloc = zip_alloc, .zfree = zip_free } };
	s->z.opaque = s;
}

static int open_out(struct vx_zip *z)
{
	if (z->out.open)
		return VX_OK;
	prepare(&z->out);
	if (deflateInit2(&z->out.z, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return VX_ENOMEM;
	z->out.open = true;
	return VX_OK;
}

static void close_out(struct vx_zip *z)
{
	if (z->out.open)
		(void)deflateEnd(&z->out.z);
	z->out.open = false;
	z->out.held = 0;
}

int vx_zip_new(struct vx_zip **out)
{
	struct vx_zip *z = vx_alloc(sizeof(*z));

	if (z == NULL)
		return VX_ENOMEM;
	vx_buf_init(&z->plain, VX_ZIP_PIECE);
	vx_buf_init(&z->text, VX_ZIP_TEXT_MAX);
	prepare(&z->in);
	z->in.open = inflateInit2(&z->in.z, -PEER_WINDOW_BITS) == Z_OK;
	if (!z->in.open || open_out(z) != VX_OK) {
		vx_zip_free(z);
		return VX_ENOMEM;
	}
	*out = z;
	return VX_OK;
}

void vx_zip_free(struct vx_zip *z)
{
	if (z == NULL)
		return;
	if (z->in.open)
		(void)inflateEnd(&z->in.z);
	close_out(z);
	vx_buf_wipe(&z->plain);
	vx_buf_done(&z->text);
	vx_free(z);
}

bool vx_zip_broken(const struct vx_zip *z)
{
	return z->broken;
}

size_t vx_zip_memory(const struct vx_zip *z)
{
	return z->in.held + z->out.held;
}

/* Fill plain from *in. */
static int inflate_some(struct vx_zip *z, vx_slice *in)
{
	const size_t room = VX_ZIP_PIECE - z->plain.len;
	char *p;
	int rc;

	if (z->broken || room == 0 || (in->len == 0 && !z->full))
		return VX_OK;
	p = vx_buf_reserve(&z->plain, room);
	if (p == NULL)
		return VX_ENOMEM;
	z->in.z.next_in = (const Bytef *)in->ptr;
	z->in.z.avail_in = (uInt)(in->len < UINT32_MAX ? in->len : UINT32_MAX);
	z->in.z.next_out = (Bytef *)p;
	z->in.z.avail_out = (uInt)room;
	rc = inflate(&z->in.z, Z_SYNC_FLUSH);
	*in = vx_slice_from(*in, (size_t)((const char *)z->in.z.next_in - in->ptr));
	vx_buf_truncate(&z->plain, z->plain.len += room - z->in.z.avail_out);
	z->full = z->in.z.avail_out == 0;
	if (rc == Z_MEM_ERROR)
		return VX_ENOMEM;
	z->ended = rc == Z_STREAM_END;
	/* Z_BUF_ERROR: there was nothing to do */
	z->broken = rc != Z_OK && rc != Z_BUF_ERROR;
	return VX_OK;
}

static int deflate_text(struct vx_zip *z, vx_slice text, bool flush, struct vx_buf *out)
{
	const bool last = flush && z->ending;
	const int how = last ? Z_FINISH : flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;

	if (text.len == 0 && !last && !(flush && z->unflushed))
		return VX_OK;
	if (open_out(z) != VX_OK)
		return VX_ENOMEM;
	z->out.z.next_in = (const Bytef *)text.ptr;
	z->out.z.avail_in = (uInt)text.len; /* at most VX_ZIP_TEXT_MAX */
	do {
		char *p = vx_buf_reserve(out, ROOM);

		if (p == NULL)
			return VX_ENOMEM;
		z->out.z.next_out = (Bytef *)p;
		z->out.z.avail_out = ROOM;
		(void)deflate(&z->out.z, how);
		vx_buf_truncate(out, out->len += ROOM - z->out.z.avail_out);
	} while (z->out.z.avail_out == 0);
	z->unflushed = !flush;
	return VX_OK;
}

int vx_zip_say(struct vx_zip *z, vx_slice text, struct vx_buf *out)
{
	z->unflushed = true;
	return deflate_text(z, text, true, out);
}

void vx_zip_end(struct vx_zip *z)
{
	z->ending = true;
}

/* Has the inflater taken a block to its end, and that on an octet?  A flush ends so. */
static bool between_blocks(const struct vx_zip *z)
{
	enum {
		UNUSED_BITS = 63,
		LAST_BLOCK = 64,
		AFTER_BLOCK = 128
	}; /* zlib.h, inflate() */
	const int at = z->in.z.data_type;

	return (at & (UNUSED_BITS | LAST_BLOCK | AFTER_BLOCK)) == AFTER_BLOCK;
}

int vx_zip_end_in(struct vx_zip *z, vx_slice *in)
{
	close_out(z);
	while (!z->ended) {
		int rc;

		if (z->plain.len > 0 || z->broken)
			return VX_ESYNTAX;
		if (!z->full && in->len == 0)
			return VX_MORE;
		if (!z->full && between_blocks(z) && (unsigned char)in->ptr[0] >= ' ')
			return VX_OK;
		rc = inflate_some(z, in);
		if (rc != VX_OK)
			return rc;
	}
	return z->plain.len == 0 ? VX_OK : VX_ESYNTAX;
}

void vx_zip_rest(struct vx_zip *z)
{
	if (z->unflushed)
		return;
	/* a flush ended on an octet: what a new compressor says can follow it */
	close_out(z);
	vx_buf_done(&z->text);
	if (z->plain.len == 0)
		vx_buf_done(&z->plain);
}

/* Let the session take and say what it can; *worked: octets that went through it. */
static int step(struct vx_zip *z, struct vx_session *s,
    int (*drive)(struct vx_session *s, vx_slice *in, struct vx_buf *out), vx_slice *in,
    struct vx_buf *out, size_t *worked)
{
	size_t before, taken;
	vx_slice plain;
	int rc = inflate_some(z, in), zipped;

	if (rc != VX_OK)
		return rc;
	plain = vx_buf_slice(&z->plain);
	before = plain.len;
	rc = drive(s, &plain, &z->text);
	taken = before - plain.len;
	vx_buf_consume(&z->plain, taken);
	if (rc < 0)
		return rc;
	if (z->text.failed)
		return VX_ENOMEM;
	*worked += taken + z->text.len;
	if (rc == VX_MORE && !z->broken && !z->ending && (taken > 0 || z->plain.len == 0) &&
	    (in->len > 0 || z->full))
		rc = VX_OK; /* there is more */
	else if (rc == VX_MORE && z->broken && !z->ending)
		rc = VX_DONE;
	zipped =
	    deflate_text(z, vx_buf_slice(&z->text), rc != VX_OK && rc != VX_DATA, out);
	vx_buf_shrink(&z->text, rc == VX_MORE ? 0 : VX_SESSION_HIGH_WATER);
	if (rc == VX_MORE && z->plain.len == 0)
		vx_buf_shrink(&z->plain, 0);
	return zipped != VX_OK ? zipped : rc;
}

int vx_zip_drive(struct vx_zip *z, struct vx_session *s,
    int (*drive)(struct vx_session *s, vx_slice *in, struct vx_buf *out), vx_slice *in,
    struct vx_buf *out)
{
	size_t worked = 0;
	int rc;

	do {
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		if (worked >= VX_ZIP_STEP_MAX) {
			s->host->wake(s->host);
			return VX_WAIT;
		}
		rc = step(z, s, drive, in, out, &worked);
	} while (rc == VX_OK || rc == VX_DATA);
	return rc;
}
