/*
 * A message for a client that did not ask for UTF-8 (RFC 6856 2.1): its headers, and
 * those of its parts, are sent as RFC 6858 has them; all else goes through as it is.
 */
#include "base/chars.h"
#include "base/mem.h"
#include "service/pop3_int.h"
#include "vectis/header.h"
#include "vectis/message.h"

struct range {
	uint64_t begin, end; /* octets of the message */
};

struct pop3_surrogate {
	struct vx_buf header; /* what came of the header under way */
	struct vx_buf ready;  /* a header to be sent */
	size_t sent;          /* of it */
	size_t at, count;
	struct range headers[]; /* in their order */
};

/* Where the headers are; a message without any description has none that is known. */
static int find_headers(const struct vx_descriptor *d, struct pop3_surrogate *g)
{
	struct vx_part p;
	uint64_t last = 0;

	for (uint32_t i = 0; i < d->part_count; i++) {
		const int rc = vx_descriptor_part(d, i, &p);

		if (rc != VX_OK)
			return rc;
		if (p.header_offset < last || p.body_offset <= p.header_offset)
			continue;
		g->headers[g->count++] = (struct range){ p.header_offset, p.body_offset };
		last = p.body_offset;
	}
	return VX_OK;
}

int vx_pop3_surrogate_new(struct vx_view *v, uint64_t blob, struct pop3_surrogate **out)
{
	struct vx_descriptor d;
	struct pop3_surrogate *g;
	vx_slice octets;
	int rc = vx_descriptor_get(v, blob, &octets);

	if (rc == VX_OK)
		rc = vx_descriptor_open(octets, &d);
	if (rc != VX_OK)
		return rc;
	g = vx_alloc(sizeof(*g) + d.part_count * sizeof(g->headers[0]));
	if (g == NULL)
		return VX_ENOMEM;
	vx_buf_init(&g->header, VX_HEADER_OCTETS_MAX);
	vx_buf_init(&g->ready, POP3_HEADER_MAX);
	rc = find_headers(&d, g);
	if (rc == VX_OK)
		*out = g;
	else
		vx_pop3_surrogate_free(g);
	return rc;
}

void vx_pop3_surrogate_free(struct pop3_surrogate *g)
{
	if (g == NULL)
		return;
	vx_buf_done(&g->header);
	vx_buf_done(&g->ready);
	vx_free(g);
}

/* The octets as they are, with '?' for what is not ASCII. */
static int ready_ascii(struct pop3_surrogate *g, vx_slice octets)
{
	vx_buf_reset(&g->ready);
	g->sent = 0;
	for (size_t i = 0; i < octets.len; i++)
		vx_buf_add_char(
		    &g->ready, vx_is(octets.ptr[i], VX_C_HIGH) ? '?' : octets.ptr[i]);
	return g->ready.failed ? VX_ENOMEM : VX_OK;
}

/* The header is complete; one that becomes too long keeps its ASCII at least. */
static int finish_header(struct pop3_surrogate *g)
{
	const vx_slice header = vx_buf_slice(&g->header);
	int rc = VX_OK;

	g->at++;
	vx_buf_reset(&g->ready);
	g->sent = 0;
	vx_header_downgrade(header, &g->ready);
	if (g->ready.failed)
		rc = ready_ascii(g, header);
	vx_buf_reset(&g->header);
	return rc;
}

bool vx_pop3_surrogate_ready(struct pop3_surrogate *g, vx_slice *out)
{
	*out = vx_slice_head(vx_slice_from(vx_buf_slice(&g->ready), g->sent), POP3_PIECE);
	g->sent += out->len;
	return out->len > 0;
}

int vx_pop3_surrogate_take(struct pop3_surrogate *g, uint64_t offset, vx_slice piece,
    size_t *taken, vx_slice *out)
{
	const struct range *r = &g->headers[g->at];
	uint64_t want;

	*out = vx_slice_head(piece, 0);
	*taken = piece.len;
	if (g->at == g->count) {
		*out = piece;
		return VX_OK;
	}
	want = (offset < r->begin ? r->begin : r->end) - offset;
	if (want < piece.len)
		*taken = (size_t)want;
	piece = vx_slice_head(piece, *taken);
	if (offset < r->begin) {
		*out = piece;
		return VX_OK;
	}
	if (r->end - r->begin > VX_HEADER_OCTETS_MAX) {
		g->at += offset + *taken == r->end;
		return ready_ascii(g, piece);
	}
	vx_buf_add(&g->header, piece);
	if (g->header.failed)
		return VX_ENOMEM;
	return offset + *taken == r->end ? finish_header(g) : VX_OK;
}
