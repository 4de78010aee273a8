#include "runtime/fetch_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- writing --------------------------------------------------------------------------
 */

static void add_number(struct vx_buf *out, uint64_t n)
{
	vx_buf_add(out, vx_slice_of((const char *)&n, sizeof(n)));
}

/* Its length, itself, and a NUL so that it may be used as text. */
static void add_octets(struct vx_buf *out, vx_slice s)
{
	add_number(out, s.len);
	vx_buf_add(out, s);
	vx_buf_add_char(out, '\0');
}

static void add_fields(struct vx_buf *out, const struct vx_fetch_field *f, size_t count)
{
	add_number(out, count);
	for (size_t i = 0; i < count; i++) {
		add_octets(out, f[i].name);
		add_octets(out, f[i].value);
	}
}

int vx_fetch_write_request(const struct vx_fetch *f, struct vx_buf *out)
{
	add_octets(out, vx_slice_str(f->method));
	add_octets(out, vx_slice_str(f->url));
	add_number(out, f->body_max);
	add_number(out, f->ms_max);
	add_fields(out, f->fields, f->field_count);
	add_octets(out, f->body);
	return out->failed ? VX_ELIMIT : VX_OK;
}

int vx_fetch_write_answer(const struct vx_fetch_answer *a, struct vx_buf *out)
{
	add_number(out, (uint64_t)a->result);
	add_octets(out, vx_slice_str(a->text));
	add_number(out, a->status);
	add_fields(out, a->fields, a->field_count);
	add_octets(out, a->body);
	return out->failed ? VX_ELIMIT : VX_OK;
}

/* --- reading --------------------------------------------------------------------------
 */

static bool take_number(vx_slice *rest, uint64_t max, uint64_t *out)
{
	if (rest->len < sizeof(*out))
		return false;
	memcpy(out, rest->ptr, sizeof(*out));
	*rest = vx_slice_from(*rest, sizeof(*out));
	return *out <= max;
}

static bool take_octets(vx_slice *rest, size_t max, vx_slice *out)
{
	uint64_t len;

	if (!take_number(rest, max, &len) || len >= rest->len || rest->ptr[len] != '\0')
		return false;
	*out = vx_slice_of(rest->ptr, (size_t)len);
	*rest = vx_slice_from(*rest, (size_t)len + 1);
	return true;
}

static bool take_text(vx_slice *rest, size_t max, const char **out)
{
	vx_slice s;

	if (!take_octets(rest, max, &s) || vx_slice_find(s, '\0') != s.len)
		return false;
	*out = s.ptr;
	return true;
}

static bool take_fields(vx_slice *rest, struct vx_fetch_field *fields, size_t *count)
{
	uint64_t n;

	if (!take_number(rest, VX_FETCH_FIELDS_MAX, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!take_octets(rest, VX_FETCH_FIELD_OCTETS, &fields[i].name) ||
		    !take_octets(rest, VX_FETCH_FIELD_OCTETS, &fields[i].value))
			return false;
	*count = (size_t)n;
	return true;
}

int vx_fetch_read_request(
    vx_slice octets, struct vx_fetch_field *fields, struct vx_fetch *out)
{
	struct vx_fetch f = { .fields = fields };
	uint64_t body_max;

	if (!take_text(&octets, VX_FETCH_METHOD_MAX, &f.method) ||
	    !take_text(&octets, VX_FETCH_URL_MAX, &f.url) ||
	    !take_number(&octets, VX_FETCH_BODY_MAX, &body_max) ||
	    !take_number(&octets, VX_FETCH_MS_MAX, &f.ms_max) ||
	    !take_fields(&octets, fields, &f.field_count) ||
	    !take_octets(&octets, VX_FETCH_BODY_MAX, &f.body) || octets.len > 0)
		return VX_ESYNTAX;
	f.body_max = (size_t)body_max;
	if (!vx_fetch_check(&f))
		return VX_ESYNTAX;
	*out = f;
	return VX_OK;
}

int vx_fetch_read_answer(
    vx_slice octets, struct vx_fetch_field *fields, struct vx_fetch_answer *out)
{
	struct vx_fetch_answer a = { .fields = fields };
	uint64_t result, status;

	if (!take_number(&octets, VX_FETCH_FAILED, &result) ||
	    !take_text(&octets, VX_FETCH_TEXT_MAX, &a.text) ||
	    !take_number(&octets, 999, &status) ||
	    !take_fields(&octets, fields, &a.field_count) ||
	    !take_octets(&octets, VX_FETCH_BODY_MAX, &a.body) || octets.len > 0)
		return VX_ESYNTAX;
	a.result = (enum vx_fetch_result)result;
	a.status = (unsigned)status;
	*out = a;
	return VX_OK;
}

/* --- sockets --------------------------------------------------------------------------
 */

/* A file in memory with octets in it; -1. */
static int make_file(vx_slice octets)
{
	const int fd = memfd_create("fetch", MFD_CLOEXEC);
	size_t at = 0;

	while (fd >= 0 && at < octets.len) {
		const ssize_t n = write(fd, octets.ptr + at, octets.len - at);

		if (n <= 0) {
			(void)close(fd);
			return -1;
		}
		at += (size_t)n;
	}
	return fd;
}

union control {
	struct cmsghdr header;
	char octets[CMSG_SPACE(sizeof(int))];
};

static void attach(struct msghdr *h, union control *c, int file)
{
	struct cmsghdr *m;

	memset(c, 0, sizeof(*c));
	h->msg_control = c;
	h->msg_controllen = sizeof(*c);
	m = CMSG_FIRSTHDR(h);
	m->cmsg_level = SOL_SOCKET;
	m->cmsg_type = SCM_RIGHTS;
	m->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(m), &file, sizeof(file));
}

int vx_fetch_send(int fd, uint64_t id, enum vx_fetch_kind kind, vx_slice octets)
{
	struct vx_fetch_message m = {
		.id = id, .kind = kind, .length = (uint32_t)octets.len
	};
	struct iovec v = { &m, sizeof(m) };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
	union control c;
	int file = -1, rc = VX_OK;

	if (octets.len > 0) {
		file = make_file(octets);
		if (file < 0)
			return VX_EIO;
		attach(&h, &c, file);
	}
	if (sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		rc = errno == EAGAIN ? VX_EBUSY : VX_EIO;
	if (file >= 0)
		(void)close(file);
	return rc;
}

static int attached(struct msghdr *h)
{
	struct cmsghdr *m = CMSG_FIRSTHDR(h);
	int file = -1;

	if (m != NULL && m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_RIGHTS &&
	    m->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&file, CMSG_DATA(m), sizeof(file));
	return file;
}

static int read_file(int file, size_t length, struct vx_buf *out)
{
	char *room;
	size_t at = 0;

	if (length > VX_FETCH_WIRE_MAX)
		return VX_ESYNTAX;
	room = vx_buf_reserve(out, length);
	if (room == NULL)
		return VX_ESYNTAX;
	while (at < length) {
		const ssize_t n = pread(file, room + at, length - at, (off_t)at);

		if (n <= 0)
			return VX_ESYNTAX;
		at += (size_t)n;
	}
	out->len += length;
	return VX_OK;
}

int vx_fetch_receive(int fd, struct vx_fetch_message *m, struct vx_buf *octets)
{
	struct iovec v = { m, sizeof(*m) };
	union control c;
	struct msghdr h = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = CMSG_LEN(sizeof(int)) }; /* for one file, not two */
	const ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int file, rc = VX_OK;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? VX_ENOENT : VX_ECLOSED;
	if (n == 0)
		return VX_ECLOSED;
	file = attached(&h);
	if (n != sizeof(*m) || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    (file >= 0) != (m->length > 0))
		rc = VX_ESYNTAX;
	else if (file >= 0)
		rc = read_file(file, m->length, octets);
	if (file >= 0)
		(void)close(file);
	return rc;
}

int vx_fetch_receive_some(int fd, vx_fetch_take_fn *take, void *ctx)
{
	struct vx_buf octets = { .max = VX_FETCH_WIRE_MAX };
	struct vx_fetch_message m;
	int rc = VX_OK;

	for (int i = 0; i < VX_FETCH_AT_ONCE && rc != VX_ENOENT && rc != VX_ECLOSED;
	     i++) {
		vx_buf_reset(&octets);
		rc = vx_fetch_receive(fd, &m, &octets);
		if (rc == VX_OK)
			take(ctx, &m, vx_buf_slice(&octets));
	}
	vx_buf_done(&octets);
	return rc == VX_ECLOSED ? VX_ECLOSED : VX_OK;
}
