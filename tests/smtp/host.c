#include "host.h"

#include "lib/vxt.h"

struct verdict {
	unsigned code;
	const char *enhanced, *text;
};

void host_open(struct host *h, vx_slice options)
{
	struct vx_smtp_server_options o = { .struct_size = sizeof(o),
		.hostname = VX_S("mx.test"),
		.banner = VX_S("Vectis"),
		.message_octets_max = HOST_OCTETS_MAX,
		.recipients_max = HOST_RECIPIENTS_MAX };
	vx_slice word;
	bool no_tls = false;

	while (options.len > 0) {
		(void)vx_slice_cut(&options, ' ', &word);
		if (vx_slice_eq(word, VX_S("submission")))
			o.role = VX_SMTP_SUBMISSION;
		else if (vx_slice_eq(word, VX_S("tls")))
			o.tls = true;
		else if (vx_slice_eq(word, VX_S("hold"))) {
			o.hold_max_s = 86400;
			o.hold_until_max = 1798761600; /* 2027 */
		} else if (vx_slice_eq(word, VX_S("notls")))
			no_tls = true;
		else
			ck_assert_msg(
			    vx_slice_eq(word, VX_S("mx")) || word.len == 0, "options");
	}
	*h = (struct host){ .out = { .max = 1 << 20 },
		.content = { .max = 1 << 20 },
		.log = { .max = 1 << 20 },
		.no_tls = no_tls };
	vxt_assert_ok(vx_smtp_server_new(&o, &h->core));
}

void host_close(struct host *h)
{
	vx_smtp_server_free(h->core);
	vx_buf_done(&h->out);
	vx_buf_done(&h->content);
	vx_buf_done(&h->log);
}

static void log_text(struct host *h, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\r')
			vx_buf_add_str(&h->log, "\\r");
		else if (c == '\n')
			vx_buf_add_str(&h->log, "\\n");
		else if (c < 32 || c > 126)
			vx_buf_printf(&h->log, "\\x%02x", c);
		else
			vx_buf_add_char(&h->log, (char)c);
	}
}

/* What came since the last event: content, then replies. */
static void log_flush(struct host *h)
{
	vx_slice rest = vx_buf_slice(&h->out), line;

	/* how much is seen of a message that the core refuses is a matter of the cuts */
	if (vx_slice_has_prefix(rest, VX_S("5")))
		vx_buf_reset(&h->content);
	if (h->content.len > 0) {
		vx_buf_add_str(&h->log, "E: CONTENT ");
		log_text(h, vx_buf_slice(&h->content));
		vx_buf_add_char(&h->log, '\n');
		vx_buf_reset(&h->content);
	}
	while (rest.len > 0) {
		ck_assert(vx_slice_cut(&rest, '\n', &line));
		ck_assert(vx_slice_has_suffix(line, VX_S("\r")));
		line.len--;
		vx_buf_add_str(&h->log, "S: ");
		log_text(h, line);
		vx_buf_add_char(&h->log, '\n');
	}
	vx_buf_reset(&h->out);
}

static void log_params(struct host *h, const struct vx_smtp_params *p)
{
	if (p->size > 0)
		vx_buf_printf(&h->log, " size=%llu", (unsigned long long)p->size);
	if (p->body_8bit)
		vx_buf_add_str(&h->log, " 8bit");
	if (p->utf8)
		vx_buf_add_str(&h->log, " utf8");
	if (p->ret_headers)
		vx_buf_add_str(&h->log, " hdrs");
	if (p->ret_full)
		vx_buf_add_str(&h->log, " full");
	if (p->envid.len > 0) {
		vx_buf_add_str(&h->log, " envid=");
		log_text(h, p->envid);
	}
	if (p->orcpt.len > 0) {
		vx_buf_add_str(&h->log, " orcpt=");
		log_text(h, p->orcpt);
	}
	if (p->notify != 0)
		vx_buf_printf(&h->log, " notify=%u", p->notify);
}

static void log_event(struct host *h, const struct vx_smtp_event *ev)
{
	static const char *const names[] = { "STARTTLS", "KEYS", "AUTH", "MAIL", "RCPT",
		"DATA", "CONTENT", "END", "RESET", "REFUSED" };

	log_flush(h);
	vx_buf_printf(&h->log, "E: %s", names[ev->type]);
	if (ev->type == VX_SMTP_AUTH) {
		vx_buf_add_char(&h->log, ' ');
		log_text(h, ev->user);
		vx_buf_add_char(&h->log, '/');
		log_text(h, ev->password);
	} else if (ev->type == VX_SMTP_MAIL || ev->type == VX_SMTP_RCPT) {
		vx_buf_add_str(&h->log, " <");
		log_text(h, ev->path);
		vx_buf_add_char(&h->log, '>');
		log_params(h, &ev->params);
	}
	vx_buf_add_char(&h->log, '\n');
}

static struct verdict on_address(vx_slice path)
{
	static const struct {
		vx_slice local;
		struct verdict verdict;
	} special[] = {
		{ VX_SLICE_INIT("unknown@"), { 550, "5.1.1", "no such mailbox" } },
		{ VX_SLICE_INIT("busy@"), { 451, "4.3.0", "try again later" } },
		{ VX_SLICE_INIT("close@"), { 421, "4.3.2", "going down" } },
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (vx_slice_has_prefix(path, special[i].local))
			return special[i].verdict;
	return (struct verdict){ 250, "2.1.0", "ok" };
}

static struct verdict judge(struct host *h, const struct vx_smtp_event *ev, vx_slice all)
{
	switch (ev->type) {
	case VX_SMTP_STARTTLS:
		if (h->no_tls)
			return (struct verdict){ 454, "4.7.0", "TLS is not available" };
		return (struct verdict){ 220, "2.0.0", "go ahead" };
	case VX_SMTP_AUTH:
		if (vx_slice_eq(ev->user, VX_S("busy")))
			return (struct verdict){ 454, "4.7.0", "try again later" };
		if (vx_slice_eq(ev->user, VX_S("alice")) &&
		    vx_slice_eq(ev->password, VX_S("two words")))
			return (struct verdict){ 235, "2.7.0", "welcome" };
		return (struct verdict){ 535, "5.7.8", "user or password is wrong" };
	case VX_SMTP_MAIL:
	case VX_SMTP_RCPT:
		return on_address(ev->path);
	case VX_SMTP_DATA:
		if (vx_slice_find_slice(all, VX_S("<nodata@")) < all.len)
			return (struct verdict){ 451, "4.3.0", "try again later" };
		return (struct verdict){ 354, "", "go on" };
	case VX_SMTP_END:
		if (vx_slice_find_slice(all, VX_S("virus")) < all.len)
			return (struct verdict){ 550, "5.7.0", "no" };
		if (vx_slice_find_slice(all, VX_S("no room")) < all.len)
			return (struct verdict){ 421, "4.3.1", "no room" };
		h->messages++;
		return (struct verdict){ 250, "2.0.0", "filed" };
	case VX_SMTP_KEYS:
	case VX_SMTP_CONTENT:
	case VX_SMTP_RESET:
	case VX_SMTP_REFUSED:
		break;
	}
	return (struct verdict){ 0 };
}

void host_feed(struct host *h, vx_slice in)
{
	struct vx_smtp_event ev;

	while ((h->end = vx_smtp_server_next(h->core, &in, &h->out, &ev)) == VX_DATA) {
		struct verdict v;

		if (ev.type == VX_SMTP_REFUSED) {
			ck_assert_ptr_nonnull(ev.reason);
			continue;
		}
		if (ev.type == VX_SMTP_CONTENT) {
			ck_assert_uint_gt(ev.octets.len, 0);
			if (h->out.len > 0)
				log_flush(h);
			vx_buf_add(&h->content, ev.octets);
			continue;
		}
		log_event(h, &ev);
		if (ev.type == VX_SMTP_KEYS) /* tests/sasl has the exchange itself */
			vx_smtp_server_keys(h->core, &h->out, NULL);
		v = judge(h, &ev, vx_buf_slice(&h->log));
		if (v.code != 0) {
			struct vx_smtp_event none;
			const size_t before = in.len;

			ck_assert_int_eq(
			    vx_smtp_server_next(h->core, &in, &h->out, &none), VX_WAIT);
			ck_assert_uint_eq(in.len, before);
			vx_smtp_server_answer(
			    h->core, &h->out, v.code, v.enhanced, v.text);
		}
	}
	ck_assert_int_ne(h->end, VX_WAIT);
	if (h->end == VX_MORE)
		ck_assert_uint_eq(in.len, 0);
	if (h->out.len > 0)
		log_flush(h);
}

void host_tls(struct host *h)
{
	vx_buf_add_str(&h->log, "E: TLS\n");
	vx_smtp_server_tls_ready(h->core, VX_S(""));
}
