/* mailbox export: Maildir (Maildir++ for the levels below) or mbox, while daemons run. */
#include "vectisctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	FILE_NAME_MAX = 200,   /* octets of a mailbox's file; a file system takes 255 */
	MAILDIR_KEYWORDS = 26, /* a to z */
	RECORDS = 256          /* read at a time */
};

struct export
{
	struct ctl *c;
	uint32_t account;
	const char *dir;
	bool mbox;
	uint64_t messages, damaged;
	char names[VX_KEYWORDS_MAX][VX_KEYWORD_OCTETS_MAX + 1]; /* of the mailbox */
	char failed[PATH_MAX + 200]; /* the file that could not be written, and why */
};

static int cannot(struct export *x, const char *path)
{
	const int rc = vx_errno_result(errno);

	(void)snprintf(
	    x->failed, sizeof(x->failed), "%.4000s: %s", path, vx_errno_text(errno));
	return rc;
}

/* --- the octets of a message ----------------------------------------------------------
 */

/* Lines end with LF; mboxrd: one '>' more before ">*From " at the beginning of a line. */
struct lines {
	FILE *out;
	bool quote, cr, start;
	unsigned matched; /* of "From ", held back */
	char last;
};

static void put_octet(struct lines *l, char c)
{
	static const char from[] = "From ";

	if (l->quote && l->start && c == from[l->matched]) {
		if (++l->matched < 5)
			return;
		(void)fputs(">From ", l->out);
		l->matched = 0;
		l->start = false;
		l->last = ' ';
		return;
	}
	(void)fwrite(from, 1, l->matched, l->out);
	l->start = c == '\n' || (l->start && l->matched == 0 && c == '>');
	l->matched = 0;
	(void)fputc(c, l->out);
	l->last = c;
}

static void put_lines(struct lines *l, vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];

		if (l->cr && c != '\n')
			put_octet(l, '\r');
		l->cr = c == '\r';
		if (!l->cr)
			put_octet(l, c);
	}
}

static void end_lines(struct lines *l)
{
	if (l->cr)
		put_octet(l, '\r');
	if (l->matched > 0 || l->last != '\n')
		put_octet(l, '\n');
}

/* VX_ECORRUPT, VX_ENOENT: the message; the file's errors are ferror's. */
static int copy_blob(struct export *x, uint64_t blob, FILE *out)
{
	struct lines l = { .out = out, .quote = x->mbox, .start = true };
	struct vx_blob_reader *r;
	uint64_t at = 0;
	int rc = vx_blob_open(x->c->store, blob, &r);

	if (rc != VX_OK)
		return rc;
	while (rc == VX_OK && at < vx_blob_size(r)) {
		vx_slice s;

		rc = vx_blob_read(r, at, 65536, &s);
		if (rc == VX_WAIT) {
			rc = vx_blob_fetch(r, at, 65536);
			continue;
		}
		if (rc != VX_OK)
			break;
		at += s.len;
		put_lines(&l, s);
	}
	vx_blob_close(r);
	end_lines(&l);
	return rc;
}

/* A message that cannot be read is named, and the others are exported all the same. */
static int judge(struct export *x, const struct vx_record *r, int rc)
{
	if (rc == VX_OK) {
		x->messages++;
		return VX_OK;
	}
	if (rc != VX_ECORRUPT && rc != VX_ENOENT)
		return rc;
	x->damaged++;
	ctl_say(x->c, "the message with UID %u is damaged: what can be read is written",
	    r->uid);
	return VX_OK;
}

/* --- Maildir
 * ---------------------------------------------------------------------------- */

/* The letters after ":2,", in the order of ASCII; a to z are keywords (as in Dovecot). */
static void maildir_flags(uint64_t flags, char out[8 + MAILDIR_KEYWORDS])
{
	static const struct {
		uint64_t flag;
		char letter;
	} letters[] = { { VX_FLAG_DRAFT, 'D' }, { VX_FLAG_FLAGGED, 'F' },
		{ VX_FLAG_ANSWERED, 'R' }, { VX_FLAG_SEEN, 'S' },
		{ VX_FLAG_DELETED, 'T' } };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if ((flags & letters[i].flag) != 0)
			out[n++] = letters[i].letter;
	for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
		if ((flags >> (VX_KEYWORD_FIRST + i) & 1) != 0)
			out[n++] = (char)('a' + i);
	out[n] = '\0';
}

static int export_file(struct export *x, const char *folder, const struct vx_record *r)
{
	const struct timespec times[2] = { { .tv_sec = r->internal_date },
		{ .tv_sec = r->internal_date } };
	char path[PATH_MAX], flags[8 + MAILDIR_KEYWORDS];
	bool failed;
	FILE *f;
	int rc;

	maildir_flags(r->flags, flags);
	(void)snprintf(path, sizeof(path), "%.3500s/cur/%u.%u.vectis:2,%s", folder,
	    r->internal_date, r->uid, flags);
	f = fopen(path, "wx");
	if (f == NULL)
		return cannot(x, path);
	rc = copy_blob(x, r->blob, f);
	failed = fflush(f) != 0 || ferror(f) != 0;
	(void)futimens(fileno(f), times); /* what IMAP calls INTERNALDATE */
	if (fclose(f) != 0 || failed)
		return cannot(x, path);
	return judge(x, r, rc);
}

/* A small file of lines. */
static int write_file(
    struct export *x, const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%.3500s/%s", folder, name);
	f = fopen(path, "wx");
	if (f == NULL || fputs(text, f) < 0) {
		const int rc = cannot(x, path);

		if (f != NULL)
			(void)fclose(f);
		return rc;
	}
	return fclose(f) == 0 ? VX_OK : cannot(x, path);
}

static int write_keywords(struct export *x, const char *folder)
{
	char text[MAILDIR_KEYWORDS * (VX_KEYWORD_OCTETS_MAX + 8)] = "";
	size_t len = 0;

	for (unsigned i = 0; i < MAILDIR_KEYWORDS && x->names[i][0] != '\0'; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%u %s\n", i, x->names[i]);
	return len == 0 ? VX_OK : write_file(x, folder, "dovecot-keywords", text);
}

/* Maildir++: INBOX is the directory itself, the others are ".Name.Sub" in it. */
static int make_maildir(struct export *x, const char *name, char folder[PATH_MAX])
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	const bool inbox = strcmp(name, "INBOX") == 0;
	char sub[PATH_MAX];

	(void)snprintf(folder, PATH_MAX, inbox ? "%.3000s" : "%.3000s/.%s", x->dir, name);
	if (!inbox && mkdir(folder, 0700) < 0)
		return cannot(x, folder);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(sub, sizeof(sub), "%.3500s/%s", folder, parts[i]);
		if (mkdir(sub, 0700) < 0)
			return cannot(x, sub);
	}
	return inbox ? VX_OK : write_file(x, folder, "maildirfolder", "");
}

/* --- mbox
 * ------------------------------------------------------------------------------- */

static void mbox_flags(const struct export *x, const struct vx_record *r, FILE *f)
{
	const uint64_t marked =
	    VX_FLAG_ANSWERED | VX_FLAG_FLAGGED | VX_FLAG_DELETED | VX_FLAG_DRAFT;

	(void)fprintf(f, "Status: %sO\n", (r->flags & VX_FLAG_SEEN) != 0 ? "R" : "");
	if ((r->flags & marked) != 0)
		(void)fprintf(f, "X-Status: %s%s%s%s\n",
		    (r->flags & VX_FLAG_ANSWERED) != 0 ? "A" : "",
		    (r->flags & VX_FLAG_FLAGGED) != 0 ? "F" : "",
		    (r->flags & VX_FLAG_DRAFT) != 0 ? "T" : "",
		    (r->flags & VX_FLAG_DELETED) != 0 ? "D" : "");
	if (r->flags >> VX_KEYWORD_FIRST == 0)
		return;
	(void)fputs("X-Keywords:", f);
	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
		if ((r->flags >> (VX_KEYWORD_FIRST + i) & 1) != 0)
			(void)fprintf(f, " %s", x->names[i]);
	(void)fputc('\n', f);
}

static int export_mbox(struct export *x, FILE *f, const struct vx_record *r)
{
	const time_t t = (time_t)r->internal_date;
	struct tm tm;
	char date[64] = "Thu Jan  1 00:00:00 1970";
	int rc;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	(void)fprintf(f, "From MAILER-DAEMON %s\n", date);
	mbox_flags(x, r, f);
	rc = copy_blob(x, r->blob, f);
	(void)fputc('\n', f);
	return ferror(f) != 0 ? VX_EIO : judge(x, r, rc);
}

/* --- mailboxes
 * ---------------------------------------------------------------------------- */

static int each_record(struct export *x, uint32_t mailbox, const char *folder, FILE *mbox)
{
	struct vx_record records[RECORDS];
	uint32_t next = 1;
	int rc = VX_OK;

	while (rc == VX_OK && next != 0) {
		const struct vx_record_query q = { .account = x->account,
			.mailbox = mailbox,
			.first_uid = next,
			.last_uid = UINT32_MAX };
		struct vx_view *v;
		size_t count = 0;

		rc = vx_view_begin(x->c->store, &v);
		if (rc != VX_OK)
			return rc;
		rc = vx_records_read(v, &q, records, RECORDS, &count, &next);
		vx_view_end(v);
		for (size_t i = 0; rc == VX_OK && i < count; i++)
			rc = mbox != NULL ? export_mbox(x, mbox, &records[i])
					  : export_file(x, folder, &records[i]);
	}
	return rc;
}

static void read_keywords(struct export *x, struct vx_view *v, uint32_t mailbox)
{
	vx_slice names[VX_KEYWORDS_MAX];

	memset(x->names, 0, sizeof(x->names));
	if (vx_mailbox_keywords(v, x->account, mailbox, names) != VX_OK)
		return;
	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
		(void)snprintf(x->names[i], sizeof(x->names[i]), "%.*s",
		    (int)names[i].len, names[i].ptr == NULL ? "" : names[i].ptr);
}

/*
 * The mailbox's name as a file's: no '/', no '.'.  Where that makes it another's, or it
 * would be too long, the mailbox's number follows.
 */
static void file_name(const struct export *x, const struct vx_mailbox_info *info,
    char out[FILE_NAME_MAX + 16])
{
	const vx_slice name = vx_slice_head(info->name, FILE_NAME_MAX);
	bool changed = name.len < info->name.len;
	size_t n = 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		/* what '/' becomes would be ambiguous */
		changed = changed || c == '.' || (x->mbox && c == '-');
		if (c == '/')
			c = x->mbox ? '-' : '.';
		else if (c == '.')
			c = '_';
		out[n++] = c;
	}
	out[n] = '\0';
	if (changed)
		(void)snprintf(out + n, 16, "_%u", info->mailbox);
}

static int export_mailbox(struct export *x, const struct vx_mailbox_info *info)
{
	char name[FILE_NAME_MAX + 16], path[PATH_MAX];
	bool failed;
	FILE *f;
	int rc;

	file_name(x, info, name);
	if (!x->mbox) {
		rc = make_maildir(x, name, path);
		if (rc == VX_OK)
			rc = write_keywords(x, path);
		return rc == VX_OK ? each_record(x, info->mailbox, path, NULL) : rc;
	}
	(void)snprintf(path, sizeof(path), "%.3000s/%s.mbox", x->dir, name);
	f = fopen(path, "wx");
	if (f == NULL)
		return cannot(x, path);
	rc = each_record(x, info->mailbox, NULL, f);
	failed = fflush(f) != 0 || ferror(f) != 0;
	if (failed)
		rc = cannot(x, path);
	if (fclose(f) != 0 && !failed)
		rc = cannot(x, path);
	return rc;
}

static int export_all(struct export *x)
{
	char after[VX_MAILBOX_NAME_MAX + 1] = "";

	for (;;) {
		struct vx_mailbox_info info;
		struct vx_view *v;
		int rc = vx_view_begin(x->c->store, &v);

		if (rc != VX_OK)
			return rc;
		rc = vx_mailbox_next(v, x->account, vx_slice_str(after), &info);
		if (rc == VX_OK) {
			(void)snprintf(after, sizeof(after), "%.*s", (int)info.name.len,
			    info.name.ptr);
			read_keywords(x, v, info.mailbox);
		}
		vx_view_end(v);
		info.name = vx_slice_str(after);
		/* what All Mail has is in the others */
		if (rc == VX_OK && info.exists && (info.special_use & VX_USE_ALL) == 0)
			rc = export_mailbox(x, &info);
		if (rc != VX_OK)
			return rc == VX_ENOENT ? VX_OK : rc;
	}
}

int ctl_export(
    struct ctl *c, uint32_t account, const char *dir, bool mbox, uint64_t *messages)
{
	struct export x = { .c = c, .account = account, .dir = dir, .mbox = mbox };
	int rc;

	if (strlen(dir) > 3000)
		return ctl_fail(c, CTL_USAGE, "the path of the directory is too long");
	rc = export_all(&x);
	*messages = x.messages;
	(void)json_object_set_new(
	    c->result, "messages", json_integer((json_int_t)x.messages));
	(void)json_object_set_new(
	    c->result, "damaged", json_integer((json_int_t)x.damaged));
	if (rc != VX_OK)
		return ctl_fail(c, CTL_FAILED,
		    "stopped after %llu messages, the export is not complete: %s",
		    (unsigned long long)x.messages,
		    x.failed[0] != '\0' ? x.failed : vx_strerror(rc));
	if (x.damaged > 0)
		return ctl_fail(c, CTL_FAILED, "%llu messages were damaged",
		    (unsigned long long)x.damaged);
	return CTL_OK;
}
