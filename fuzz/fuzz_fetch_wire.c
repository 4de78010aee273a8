/*
 * What one process tells another of requests and answers: neither believes the other, and
 * what is taken is what would have been written.
 *
 * Input: 'q' and a request, 'a' and an answer; 'm', an octet that says how it is sent,
 * and a message with what is in its file.
 */
#include "runtime/fetch_wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	WITH_FILE = 1,
	WITH_TWO = 2,
	RIGHT_LENGTH = 4,
	SHORT_FILE = 8
};

static struct vx_fetch_field fields[VX_FETCH_FIELDS_MAX];

static void must(bool good)
{
	if (!good)
		abort();
}

static bool inside(vx_slice part, vx_slice whole)
{
	return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void check_fields(const struct vx_fetch_field *f, size_t count, vx_slice octets)
{
	must(count <= VX_FETCH_FIELDS_MAX);
	for (size_t i = 0; i < count; i++)
		must(inside(f[i].name, octets) && inside(f[i].value, octets) &&
		     f[i].name.len <= VX_FETCH_FIELD_OCTETS &&
		     f[i].value.len <= VX_FETCH_FIELD_OCTETS);
}

static void read_request(vx_slice octets)
{
	struct vx_fetch f = { .method = "untouched" };
	struct vx_buf again = { .max = VX_FETCH_WIRE_MAX };

	if (vx_fetch_read_request(octets, fields, &f) != VX_OK) {
		must(strcmp(f.method, "untouched") == 0);
		return;
	}
	must(vx_fetch_check(&f) && inside(f.body, octets));
	must(strlen(f.url) <= VX_FETCH_URL_MAX && f.ms_max <= VX_FETCH_MS_MAX);
	check_fields(f.fields, f.field_count, octets);
	must(vx_fetch_write_request(&f, &again) == VX_OK);
	must(vx_slice_eq(vx_buf_slice(&again), octets));
	vx_buf_done(&again);
}

static void read_answer(vx_slice octets)
{
	struct vx_fetch_answer a = { .text = "untouched" };
	struct vx_buf again = { .max = VX_FETCH_WIRE_MAX };

	if (vx_fetch_read_answer(octets, fields, &a) != VX_OK) {
		must(strcmp(a.text, "untouched") == 0);
		return;
	}
	must((unsigned)a.result <= VX_FETCH_FAILED && a.status <= 999);
	must(strlen(a.text) <= VX_FETCH_TEXT_MAX && inside(a.body, octets));
	check_fields(a.fields, a.field_count, octets);
	(void)vx_fetch_value(&a, "Content-Type");
	must(vx_fetch_write_answer(&a, &again) == VX_OK);
	must(vx_slice_eq(vx_buf_slice(&again), octets));
	vx_buf_done(&again);
}

static int make_file(vx_slice octets)
{
	const int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, octets.ptr, octets.len) == (ssize_t)octets.len);
	return fd;
}

/* The first octets as they are, perhaps with files. */
static void send_it(int fd, unsigned how, vx_slice head, vx_slice file)
{
	struct iovec v = { (void *)(uintptr_t)head.ptr, head.len };
	union {
		struct cmsghdr header;
		char octets[CMSG_SPACE(2 * sizeof(int))];
	} c = { .octets = { 0 } };
	const size_t count = (how & WITH_FILE) == 0 ? 0 : (how & WITH_TWO) != 0 ? 2 : 1;
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
	int files[2] = { -1, -1 };

	if (count > 0) {
		struct cmsghdr *m;

		for (size_t i = 0; i < count; i++)
			files[i] = make_file(file);
		h.msg_control = &c;
		h.msg_controllen = CMSG_SPACE(count * sizeof(int));
		m = CMSG_FIRSTHDR(&h);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(m), files, count * sizeof(int));
	}
	must(sendmsg(fd, &h, MSG_DONTWAIT) >= 0);
	for (size_t i = 0; i < count; i++)
		(void)close(files[i]);
}

/* A message of a process that was taken over. */
static void receive(unsigned how, vx_slice octets)
{
	struct vx_fetch_message m = { .length = 0 };
	struct vx_buf out = { .max = VX_FETCH_WIRE_MAX };
	vx_slice head = vx_slice_head(octets, sizeof(m));
	const vx_slice rest = vx_slice_from(octets, head.len);
	int ends[2], rc;

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	memcpy(&m, head.ptr, head.len);
	if ((how & RIGHT_LENGTH) != 0) {
		m.length = (uint32_t)(rest.len + ((how & SHORT_FILE) != 0));
		head = vx_slice_of((const char *)&m, sizeof(m));
	}
	send_it(ends[0], how, head, rest);
	rc = vx_fetch_receive(ends[1], &m, &out);
	must(rc == VX_OK || rc == VX_ESYNTAX || (rc == VX_ECLOSED && head.len == 0));
	if (rc == VX_OK) {
		must(head.len == sizeof(m) && out.len == m.length &&
		     out.len <= VX_FETCH_WIRE_MAX);
		must(vx_slice_eq(vx_buf_slice(&out), vx_slice_head(rest, out.len)));
		read_request(vx_buf_slice(&out));
		read_answer(vx_buf_slice(&out));
	}
	must(vx_fetch_receive(ends[1], &m, &out) == VX_ENOENT);
	(void)close(ends[0]);
	must(vx_fetch_receive(ends[1], &m, &out) == VX_ECLOSED);
	(void)close(ends[1]);
	vx_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice all = vx_slice_of(data, size);

	if (size < 2)
		return 0;
	if (data[0] == 'q')
		read_request(vx_slice_from(all, 1));
	else if (data[0] == 'a')
		read_answer(vx_slice_from(all, 1));
	else
		receive(data[1], vx_slice_from(all, 2));
	return 0;
}
