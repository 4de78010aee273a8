#include "imap_play.h"

#include "store/all.h"

#include "base/chars.h"
#include "base/encode.h"
#include "host.h"
#include "lib/vxt.h"

#include <stdio.h>
#include <stdlib.h>

#define LINKS 5
#define NAMES 64

struct name {
	vx_slice name;
	char value[200];
	size_t len;
};

struct play {
	const char *path;
	unsigned line, seed; /* seed 0: whole lines; 1: octet by octet; else pieces */
	bool record;         /* write what the server says, instead of comparing it */
	struct host host;
	struct link links[LINKS];
	struct link *all[LINKS]; /* those that are open */
	struct name names[NAMES];
	size_t name_count;
	unsigned mails;
};

#define broken(p, ...)                                                                   \
	do {                                                                             \
		fprintf(stderr, "%s:%u (way %u): ", (p)->path, (p)->line, (p)->seed);    \
		fprintf(stderr, __VA_ARGS__);                                            \
		fprintf(stderr, "\n");                                                   \
		ck_abort_msg("%s:%u", (p)->path, (p)->line);                             \
	} while (0)

static void settle(struct play *p)
{
	host_settle(&p->host, p->all, LINKS);
}

static struct link *link_of(struct play *p, unsigned n, bool tls)
{
	if (n < 1 || n > LINKS)
		broken(p, "no such connection: %u", n);
	if (p->all[n - 1] == NULL) {
		p->all[n - 1] = &p->links[n - 1];
		if (link_open(p->all[n - 1], &p->host, tls) != VX_OK)
			broken(p, "cannot connect");
		settle(p);
		if (tls) /* the greeting is for those who open with @open */
			vx_buf_reset(&p->all[n - 1]->out);
	}
	return p->all[n - 1];
}

/* --- what the client says -------------------------------------------------------- */

static struct name *name_of(struct play *p, vx_slice name)
{
	for (size_t i = 0; i < p->name_count; i++)
		if (vx_slice_eq(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}

static void add_escape(struct play *p, vx_slice *text, struct vx_buf *out)
{
	const char c = text->len > 1 ? text->ptr[1] : '\0';
	size_t used = 2;

	if (c == 'x' && text->len >= 4) {
		if (vx_hex_decode(vx_slice_of(text->ptr + 2, 2), out) != VX_OK)
			broken(p, "not hexadecimal");
		used = 4;
	} else {
		vx_buf_add_char(out, c == 'r'   ? '\r'
				     : c == 'n' ? '\n'
				     : c == '0' ? '\0'
						: c);
		if (c != 'r' && c != 'n' && c != '0' && c != '\\') {
			/* as IMAP has it: "\Seen", "\"" */
			vx_buf_truncate(out, out->len - 1);
			vx_buf_add_char(out, '\\');
			used = 1;
		}
	}
	*text = vx_slice_from(*text, used);
}

static void add_words(struct play *p, vx_slice text, struct vx_buf *out)
{
	while (text.len > 0) {
		const vx_slice inner = vx_slice_from(text, 1);
		const struct name *n =
		    text.ptr[0] == '<' && vx_slice_find(inner, '>') < inner.len
			? name_of(p, vx_slice_head(inner, vx_slice_find(inner, '>')))
			: NULL;

		if (n != NULL) {
			vx_buf_add(out, vx_slice_of(n->value, n->len));
			text = vx_slice_from(text, n->name.len + 2);
		} else if (text.ptr[0] == '\\') {
			add_escape(p, &text, out);
		} else {
			vx_buf_add_char(out, text.ptr[0]);
			text = vx_slice_from(text, 1);
		}
	}
}

static void give(struct play *p, struct link *l, vx_slice octets)
{
	unsigned random = p->seed;

	while (octets.len > 0) {
		size_t n = p->seed == 0   ? octets.len
			   : p->seed == 1 ? 1
					  : (size_t)rand_r(&random) % 9 + 1;
		const vx_slice piece = vx_slice_head(octets, n);

		octets = vx_slice_from(octets, piece.len);
		link_send(l, piece);
		if (octets.len > 0)
			host_turn(l);
	}
	settle(p);
}

static bool take_line(struct link *l, struct vx_buf *line);

/* What the servers said since, as lines of a session file. */
static void record_answers(struct play *p)
{
	struct vx_buf line = { .max = 1 << 20 };

	for (unsigned i = 0; i < LINKS; i++)
		while (p->all[i] != NULL && take_line(p->all[i], &line))
			fprintf(stderr, "S%.*s: %.*s\n", i > 0, &"12345"[i], (int)line.len,
			    line.ptr);
	vx_buf_done(&line);
}

static void check_quiet(struct play *p, unsigned n)
{
	char shown[500];

	if (p->record)
		record_answers(p);
	for (unsigned i = 0; i < LINKS; i++)
		if (p->all[i] != NULL && p->all[i]->out.len > 0 && (n == 0 || i + 1 == n))
			broken(p, "connection %u said, too: %s", i + 1,
			    vxt_escape(
				vx_buf_slice(&p->all[i]->out), shown, sizeof(shown)));
}

static void client(struct play *p, unsigned n, vx_slice text, bool line)
{
	struct link *l = link_of(p, n, true);
	struct vx_buf octets = { .max = 1 << 20 }, zipped = { .max = 1 << 20 };

	check_quiet(p, n);
	if (l->session == NULL)
		broken(p, "the connection was closed");
	add_words(p, text, &octets);
	if (line)
		vx_buf_add_str(&octets, "\r\n");
	if (l->zip != NULL)
		link_deflate(l, vx_buf_slice(&octets), &zipped);
	give(p, l, l->zip != NULL ? vx_buf_slice(&zipped) : vx_buf_slice(&octets));
	vx_buf_done(&octets);
	vx_buf_done(&zipped);
}

/* --- what the server says -------------------------------------------------------- */

static bool is_word(char c)
{
	return (unsigned char)c > ' ' && strchr("()[]<>{}\"", c) == NULL;
}

static bool match(struct play *p, vx_slice pattern, vx_slice line);

static bool match_named(
    struct play *p, vx_slice name, vx_slice rest, vx_slice line, bool digits)
{
	struct name *n = digits ? NULL : name_of(p, name);
	size_t len = 0;

	if (n != NULL)
		return vx_slice_has_prefix(line, vx_slice_of(n->value, n->len)) &&
		       match(p, rest, vx_slice_from(line, n->len));
	while (len < line.len &&
	       (digits ? vx_is(line.ptr[len], VX_C_DIGIT) : is_word(line.ptr[len])))
		len++;
	if (len == 0 || !match(p, rest, vx_slice_from(line, len)))
		return false;
	if (!digits) {
		ck_assert_uint_lt(p->name_count, NAMES);
		n = &p->names[p->name_count++];
		n->name = name;
		n->len = len < sizeof(n->value) ? len : sizeof(n->value);
		memcpy(n->value, line.ptr, n->len);
	}
	return true;
}

static bool match(struct play *p, vx_slice pattern, vx_slice line)
{
	while (pattern.len > 0) {
		const vx_slice inner = vx_slice_from(pattern, 1);
		const size_t end = vx_slice_find(inner, '>');
		const vx_slice name = vx_slice_head(inner, end);

		if (pattern.ptr[0] == '<' && end < inner.len &&
		    (vx_slice_eq(name, VX_S("*")) ||
			(name.len > 0 && vx_is(name.ptr[0], VX_C_ALPHA)))) {
			const vx_slice rest = vx_slice_from(inner, end + 1);

			if (!vx_slice_eq(name, VX_S("*")))
				return match_named(
				    p, name, rest, line, vx_slice_eq(name, VX_S("n")));
			for (size_t i = 0; i <= line.len; i++)
				if (match(p, rest, vx_slice_from(line, i)))
					return true;
			return false;
		}
		if (line.len == 0 || line.ptr[0] != pattern.ptr[0])
			return false;
		pattern = inner;
		line = vx_slice_from(line, 1);
	}
	return line.len == 0;
}

static bool take_line(struct link *l, struct vx_buf *line)
{
	const vx_slice all = vx_buf_slice(&l->out);
	const size_t lf = vx_slice_find(all, '\n');

	vx_buf_reset(line);
	if (lf == all.len)
		return false;
	vx_buf_add(
	    line, vx_slice_head(all, lf > 0 && all.ptr[lf - 1] == '\r' ? lf - 1 : lf));
	vx_buf_consume(&l->out, lf + 1);
	return true;
}

static void server(struct play *p, unsigned n, vx_slice pattern, bool *skip)
{
	struct link *l = link_of(p, n, true);
	struct vx_buf line = { .max = 1 << 20 };
	char got[600], want[600];
	bool first = true;

	if (vx_slice_eq(pattern, VX_S("..."))) {
		*skip = true;
		return;
	}
	for (;; first = false) {
		if (!take_line(l, &line))
			broken(p, "connection %u %s: %s", n,
			    first ? "says nothing" : "never says",
			    vxt_escape(pattern, want, sizeof(want)));
		if (match(p, pattern, vx_buf_slice(&line)))
			break;
		if (!*skip)
			broken(p, "connection %u says: %s\n    not: %s", n,
			    vxt_escape(vx_buf_slice(&line), got, sizeof(got)),
			    vxt_escape(pattern, want, sizeof(want)));
	}
	*skip = false;
	vx_buf_done(&line);
}

/* --- directives ------------------------------------------------------------------ */

static void file_mail(struct play *p, vx_slice mailbox, vx_slice message)
{
	char name[100];

	(void)snprintf(name, sizeof(name), "%.*s", (int)mailbox.len, mailbox.ptr);
	if (host_deliver(&p->host, host_account(&p->host, "alice"), name, message,
		1793000000, 0) == 0)
		broken(p, "not delivered to %s", name);
}

static void small_mail(struct play *p, vx_slice mailbox)
{
	char text[400];

	p->mails++;
	(void)snprintf(text, sizeof(text),
	    "From: someone@example.net\r\nTo: alice@" HOST_DOMAIN "\r\nSubject: m%u\r\n"
	    "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nText %u.\r\n",
	    p->mails, p->mails);
	file_mail(p, mailbox, vx_slice_str(text));
}

static void data_file(struct play *p, vx_slice mailbox, vx_slice name)
{
	char path[200];
	struct vx_buf raw, message = { .max = 1 << 20 };
	vx_slice rest, line;

	(void)snprintf(path, sizeof(path), "imap/%.*s", (int)name.len, name.ptr);
	raw = vxt_read(path);
	for (rest = vx_buf_slice(&raw); vx_slice_cut(&rest, '\n', &line);) {
		vx_buf_add(&message, vx_slice_trim(line, "\r"));
		vx_buf_add_str(&message, "\r\n");
	}
	vx_buf_add(&message, line);
	file_mail(p, mailbox, vx_buf_slice(&message));
	vx_buf_done(&raw);
	vx_buf_done(&message);
}

static void log_in(struct play *p, unsigned n, vx_slice name, vx_slice mailbox)
{
	char text[300];
	struct link *l = link_of(p, n, true);
	int len = snprintf(text, sizeof(text), "log LOGIN %.*s@%s %s\r\n", (int)name.len,
	    name.ptr, HOST_DOMAIN, HOST_PASSWORD);

	if (mailbox.len > 0)
		(void)snprintf(text + len, sizeof(text) - (size_t)len,
		    "sel SELECT %.*s\r\n", (int)mailbox.len, mailbox.ptr);
	link_send(l, vx_slice_str(text));
	settle(p);
	if (vx_slice_find_slice(vx_buf_slice(&l->out),
		mailbox.len > 0 ? VX_S("sel OK") : VX_S("log OK")) == l->out.len)
		broken(p, "login: %.*s", (int)l->out.len, l->out.ptr);
	vx_buf_reset(&l->out);
}

/* "@quota alice OCTETS MESSAGES": as vectisctl sets it */
static void set_quota(struct play *p, vx_slice name, vx_slice octets, vx_slice messages)
{
	struct vx_directory_op op;
	char login[100];

	(void)snprintf(
	    login, sizeof(login), "%.*s@" HOST_DOMAIN, (int)name.len, name.ptr);
	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = vx_slice_str(login);
	op.set = VX_SET_QUOTA;
	if (vx_slice_number(octets, UINT64_MAX / 2, &op.quota_octets) != VX_OK ||
	    vx_slice_number(messages, UINT64_MAX / 2, &op.quota_messages) != VX_OK ||
	    vx_store_run(p->host.store, &op.op) != VX_OK)
		broken(p, "the quota cannot be set");
}

/* "@commits": what nobody waits for is done when an op behind it is. */
static int apply_nothing(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	(void)op;
	(void)txn;
	return VX_OK;
}

static bool go_on(struct vx_store *store)
{
	(void)store;
	return true;
}

/* "@all", "@all off": accounts get a mailbox All Mail, or lose it. */
static void all_mail(struct play *p, bool on)
{
	p->host.store->o.all = on ? VX_STORE_ALL_MAKE : VX_STORE_ALL_DROP;
	if (vx_all_upkeep(p->host.store, go_on) != VX_OK)
		broken(p, "All Mail cannot be made or dropped");
}

static void directive(struct play *p, vx_slice text)
{
	vx_slice word, arg, more;
	uint64_t n = 0;

	(void)vx_slice_cut(&text, ' ', &word);
	(void)vx_slice_cut(&text, ' ', &arg);
	(void)vx_slice_cut(&text, ' ', &more);
	if (vx_slice_eq(word, VX_S("@mail")) &&
	    vx_slice_number(more, 10000, &n) == VX_OK) {
		while (n-- > 0)
			small_mail(p, arg);
	} else if (vx_slice_eq(word, VX_S("@file"))) {
		data_file(p, arg, more);
	} else if (vx_slice_eq(word, VX_S("@quota"))) {
		set_quota(p, arg, more, text);
	} else if (vx_slice_eq(word, VX_S("@all"))) {
		all_mail(p, arg.len == 0);
	} else if (vx_slice_eq(word, VX_S("@commits"))) {
		struct vx_store_op after = { .apply = apply_nothing };

		if (vx_store_run(p->host.store, &after) != VX_OK)
			broken(p, "the store does not answer");
	} else if (vx_slice_number(arg, LINKS, &n) != VX_OK) {
		broken(p, "what is that?");
	} else if (vx_slice_eq(word, VX_S("@open"))) {
		struct link *l;

		if (p->all[n - 1] != NULL)
			link_close(p->all[n - 1]);
		l = p->all[n - 1] = &p->links[n - 1];
		if (link_open(l, &p->host, more.len == 0) != VX_OK)
			broken(p, "cannot connect");
	} else if (vx_slice_eq(word, VX_S("@login"))) {
		log_in(p, (unsigned)n, more, text);
	} else if (vx_slice_eq(word, VX_S("@tls"))) {
		struct link *l = link_of(p, (unsigned)n, true);
		const struct vx_session_tls tls = { .version = VX_S("TLSv1.3") };

		if (l->end != VX_TLS)
			broken(p, "no handshake was asked for");
		l->end = 0;
		l->session->ops->tls_ready(l->session, &tls);
	} else if (vx_slice_eq(word, VX_S("@zip"))) {
		link_zip(link_of(p, (unsigned)n, true));
	} else if (vx_slice_eq(word, VX_S("@raw"))) {
		link_send(link_of(p, (unsigned)n, true), VX_S("\x07 no deflate"));
	} else if (vx_slice_eq(word, VX_S("@closed"))) {
		if (link_of(p, (unsigned)n, true)->session != NULL)
			broken(p, "the connection is open");
	} else {
		broken(p, "what is that?");
	}
	settle(p);
}

/* --- playing --------------------------------------------------------------------- */

/* "C2: text" */
static void play_line(struct play *p, vx_slice line, bool *skip)
{
	const char who = line.ptr[0];
	unsigned n = 1;
	size_t at = 1;

	if (p->record && who == 'S')
		return;
	if (p->record) {
		check_quiet(p, 0);
		fprintf(stderr, "%.*s\n", (int)line.len, line.ptr);
	}
	if (who == '@') {
		directive(p, line);
		return;
	}
	if (at < line.len && vx_is(line.ptr[at], VX_C_DIGIT))
		n = (unsigned)(line.ptr[at++] - '0');
	if ((who != 'C' && who != 'S') || at >= line.len)
		broken(p, "what is that?");
	if (who == 'S')
		server(p, n, vx_slice_from(line, at + 2), skip);
	else
		client(p, n, vx_slice_from(line, at + 2), line.ptr[at] == ':');
}

static void play(const char *path, vx_slice text, unsigned seed, bool record)
{
	struct play *p = calloc(1, sizeof(*p));
	bool skip = false;
	vx_slice line;
	char *dir;

	ck_assert_ptr_nonnull(p);
	p->path = path;
	p->seed = seed;
	p->record = record;
	ck_assert_int_eq(host_open(&p->host), VX_OK);
	while (text.len > 0) {
		(void)vx_slice_cut(&text, '\n', &line);
		p->line++;
		if (line.len > 0 && line.ptr[0] != '#')
			play_line(p, line, &skip);
		if (record && (line.len == 0 || line.ptr[0] == '#')) {
			check_quiet(p, 0);
			fprintf(stderr, "%.*s\n", (int)line.len, line.ptr);
		}
	}
	if (!skip)
		check_quiet(p, 0);
	for (unsigned i = 0; i < LINKS; i++)
		if (p->all[i] != NULL)
			link_close(p->all[i]);
	dir = strdup(p->host.dir);
	host_close(&p->host);
	vxt_rmdir(dir);
	free(dir);
	free(p);
}

void imap_play(const char *path)
{
	struct vx_buf text = vxt_read(path);

	if (getenv("VXT_RECORD") != NULL)
		play(path, vx_buf_slice(&text), 0, true);
	else
		for (unsigned seed = 0; seed < 5; seed++)
			play(path, vx_buf_slice(&text), seed, false);
	vx_buf_done(&text);
}
