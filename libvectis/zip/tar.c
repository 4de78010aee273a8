#include "vectis/archive.h"

#include "zip/gzip.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 512

/* pax(1), ustar: numbers are octal text */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type,
	    link[100], magic[6], version[2], user[32], group[32], major[8], minor[8],
	    prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static bool is_name(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && len <= VX_ARCHIVE_NAME_MAX && name[0] != '/' &&
	       strstr(name, "..") == NULL;
}

static void put_octal(char *field, size_t size, uint64_t n)
{
	for (size_t i = size - 1; i-- > 0; n >>= 3)
		field[i] = (char)('0' + (n & 7));
}

static void make_header(struct header *h, const char *name, int64_t mtime, size_t size)
{
	unsigned sum = 0;

	memset(h, 0, sizeof(*h));
	memcpy(h->name, name, strlen(name));
	put_octal(h->mode, sizeof(h->mode), 0600);
	put_octal(h->uid, sizeof(h->uid), 0);
	put_octal(h->gid, sizeof(h->gid), 0);
	put_octal(h->size, sizeof(h->size), size);
	put_octal(h->mtime, sizeof(h->mtime), mtime > 0 ? (uint64_t)mtime : 0);
	h->type = '0';
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	/* the sum of all octets, where those of the sum itself are blanks */
	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	put_octal(h->sum, 7, sum);
	h->sum[6] = '\0';
}

static void pad(struct vx_buf *tar, size_t len)
{
	static const char zeros[BLOCK];

	vx_buf_add(tar, vx_slice_of(zeros, len));
}

int vx_archive_add(struct vx_buf *tar, const char *name, int64_t mtime, vx_slice content)
{
	struct header h;

	if (!is_name(name))
		return VX_EINVAL;
	if (content.len >= VX_ARCHIVE_FILE_MAX)
		return VX_ELIMIT;
	make_header(&h, name, mtime, content.len);
	vx_buf_add(tar, vx_slice_of(&h, sizeof(h)));
	vx_buf_add(tar, content);
	pad(tar, (BLOCK - content.len % BLOCK) % BLOCK);
	return tar->failed ? VX_ELIMIT : VX_OK;
}

int vx_archive_end(struct vx_buf *tar, struct vx_buf *out)
{
	pad(tar, BLOCK);
	pad(tar, BLOCK);
	return tar->failed ? VX_ELIMIT : vx_gzip(vx_buf_slice(tar), out);
}
