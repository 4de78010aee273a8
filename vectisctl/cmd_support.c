/* support bundle: one file for who is asked for help, without what is nobody's affair. */
#include "vectisctl/support.h"

#include "vectis/archive.h"
#include "vectis/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MANIFEST "README.txt"

/* Parts as they may be seen; a part that was not to be had says so. */
static int add_part(struct support *s, const struct support_part *p, const char *folder,
    int64_t now, struct vx_buf *tar, struct vx_buf *said, json_t *list)
{
	struct vx_buf text = { .max = 2 * SUPPORT_PART_MAX };
	json_t *item = json_object();
	char name[VX_ARCHIVE_NAME_MAX + 1];
	int rc = vx_redact(&s->redact, vx_buf_slice(&p->text), &text);

	if (rc == VX_OK && text.len == 0 && p->problem[0] != '\0')
		vx_buf_printf(&text, "%s\n", p->problem);
	(void)snprintf(name, sizeof(name), "%.33s/%.63s", folder, p->name);
	if (rc == VX_OK)
		rc = vx_archive_add(tar, name, now, vx_buf_slice(&text));
	vx_buf_printf(said, "%-28s %8zu octets%s%s\n", p->name, text.len,
	    p->problem[0] == '\0' ? "" : "; ", p->problem);
	(void)json_object_set_new(item, "name", json_string(p->name));
	(void)json_object_set_new(item, "octets", json_integer((json_int_t)text.len));
	(void)json_object_set_new(item, "problem", ctl_text(vx_slice_str(p->problem)));
	(void)json_array_append_new(list, item);
	ctl_say(s->c, "  %-28s %8zu octets%s%s", p->name, text.len,
	    p->problem[0] == '\0' ? "" : "; ", p->problem);
	vx_buf_done(&text);
	return rc;
}

static int add_manifest(struct support *s, const char *folder, const char *when,
    int64_t now, const struct vx_buf *said, struct vx_buf *tar)
{
	struct vx_buf text = { .max = 65536 };
	char name[VX_ARCHIVE_NAME_MAX + 1];
	int rc;

	vx_buf_printf(&text,
	    "Vectis %s on %s, %s UTC.\n\nMade by \"vectisctl support bundle\".  Secrets "
	    "that "
	    "are known, private keys, hashes of passwords and tokens are left out.  "
	    "%s\n\n"
	    "%.*s",
	    VX_VERSION, s->c->config->hostname, when,
	    s->redact.keep_addresses ? "Addresses of people are in it."
				     : "The local parts of addresses are marks, the same "
				       "for the same address.",
	    (int)said->len, said->ptr == NULL ? "" : said->ptr);
	(void)snprintf(name, sizeof(name), "%.33s/%s", folder, MANIFEST);
	rc =
	    text.failed ? VX_ELIMIT : vx_archive_add(tar, name, now, vx_buf_slice(&text));
	vx_buf_done(&text);
	return rc;
}

static int pack(struct support *s, const char *folder, const char *when, int64_t now,
    struct vx_buf *out)
{
	struct vx_buf tar = { .max = SUPPORT_MAX }, said = { .max = 65536 };
	json_t *list = json_array();
	int rc = VX_OK;

	(void)json_object_set_new(s->c->result, "parts", list);
	for (size_t i = 0; i < s->count && rc == VX_OK; i++)
		rc = add_part(s, &s->parts[i], folder, now, &tar, &said, list);
	if (rc == VX_OK)
		rc = add_manifest(s, folder, when, now, &said, &tar);
	if (rc == VX_OK)
		rc = vx_archive_end(&tar, out);
	vx_buf_done(&tar);
	vx_buf_done(&said);
	return rc;
}

/* Before all the work: is there room for the name? */
static int check_file(struct ctl *c, const char *path)
{
	if (access(path, F_OK) == 0)
		return ctl_fail(c, CTL_FAILED, "%s exists already", path);
	if (errno != ENOENT)
		return ctl_fail(
		    c, CTL_FAILED, "cannot make %s: %s", path, vx_errno_text(errno));
	return CTL_OK;
}

static int make(struct support *s, const char *path, const char *folder, const char *when,
    int64_t now)
{
	struct ctl *c = s->c;
	struct vx_buf out = { .max = SUPPORT_MAX };
	int status = CTL_OK;
	const int rc = pack(s, folder, when, now, &out);

	if (rc != VX_OK)
		status = ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
	else
		status = ctl_write_file(c, path, 0600, vx_buf_slice(&out));
	if (status == CTL_OK) {
		(void)json_object_set_new(
		    c->result, "file", ctl_text(vx_slice_str(path)));
		(void)json_object_set_new(
		    c->result, "octets", json_integer((json_int_t)out.len));
		ctl_say(c,
		    "%s has %zu octets; look into it before it leaves this host: names "
		    "of "
		    "domains and hosts are in it, and addresses of clients",
		    path, out.len);
	}
	vx_buf_done(&out);
	return status;
}

static int support_bundle(struct ctl *c)
{
	static struct support s;
	const time_t now = time(NULL);
	char when[40], folder[40], path[PATH_MAX];
	struct tm tm;
	int status;

	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	(void)strftime(folder, sizeof(folder), "vectis-support-%Y%m%d-%H%M%S", &tm);
	if (c->arg_count > 0)
		(void)snprintf(path, sizeof(path), "%s", c->args[0]);
	else
		(void)snprintf(path, sizeof(path), "%s.tar.gz", folder);
	s.c = c;
	s.redact.keep_addresses = ctl_flag(c, "--with-addresses");
	vx_random(s.redact.seed, sizeof(s.redact.seed));
	status = check_file(c, path);
	if (status == CTL_OK) {
		support_find_secrets(&s);
		support_gather(&s, ctl_option(c, "--domain"));
		status = make(&s, path, folder, when, (int64_t)now);
	}
	for (size_t i = 0; i < s.count; i++)
		vx_buf_done(&s.parts[i].text);
	vx_buf_done(&s.secrets);
	return status;
}

const struct ctl_command ctl_support_commands[] = {
	{ "support", "bundle", support_bundle, NEEDS_CONFIG, 0, 1,
	    "[FILE] [--domain DOMAIN] [--with-addresses]",
	    "figures, logs and checks in one file, without secrets, for who is asked for "
	    "help" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
