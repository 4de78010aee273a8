/* vectisctl config set: the file before and after, octet for octet. */
#include "lib/vxt.h"
#include "vectis/config.h"

#define H "hostname: mail.test.net\n"

struct change {
	const char *before, *path, *value;
	const char *after; /* NULL: refused with the text of error */
	const char *error;
};

static const struct change changes[] = {
	/* in its place, with its comment */
	{ H "workers: 2 # two\nuser: x\n", "workers", "3",
	    H "workers: 3 # two\nuser: x\n", NULL },
	{ H "smtp:\n  banner: \"old: x\"   # mine\n", "smtp.banner", "new",
	    H "smtp:\n  banner: new   # mine\n", NULL },
	{ "{hostname: mail.test.net, workers: 3, user: x}", "workers", "4",
	    "{hostname: mail.test.net, workers: 4, user: x}", NULL },
	{ H "smtp: {banner: x, max_received: 30}\n", "smtp.banner", "a, b",
	    H "smtp: {banner: \"a, b\", max_received: 30}\n", NULL },
	{ "# \xc3\xa9\xc3\xa9\xc3\xa9\n" H
	  "smtp: {banner: \"\xc3\xa9\xe2\x82\xac\", max_received: 30}\n",
	    "smtp.max_received", "40",
	    "# \xc3\xa9\xc3\xa9\xc3\xa9\n" H
	    "smtp: {banner: \"\xc3\xa9\xe2\x82\xac\", max_received: 40}\n",
	    NULL },
	{ "\xef\xbb\xbf" H "workers: 1\n", "workers", "2",
	    "\xef\xbb\xbf" H "workers: 2\n", NULL },
	{ "hostname: mail.test.net\r\nworkers: 1\r\n", "workers", "2",
	    "hostname: mail.test.net\r\nworkers: 2\r\n", NULL },
	{ H "smtp:\n  banner: |\n    a\n    b\n  max_received: 30\n", "smtp.banner", "c",
	    H "smtp:\n  banner: c\n  max_received: 30\n", NULL },
	{ H "smtp:\n  banner: |-\n    a\n  max_received: 30\n", "smtp.banner", "c",
	    H "smtp:\n  banner: c\n  max_received: 30\n", NULL },
	{ H "smtp:\n  banner: many\n    words\n  max_received: 30\n", "smtp.banner",
	    "few", H "smtp:\n  banner: few\n  max_received: 30\n", NULL },
	{ H "workers:\n", "workers", "2", H "workers: 2\n", NULL },
	{ H "workers: # later\n", "workers", "2", H "workers: 2 # later\n", NULL },
	/* at its place */
	{ H, "workers", "3", H "workers: 3\n", NULL },
	{ "hostname: mail.test.net", "workers", "3", H "workers: 3\n", NULL },
	{ H, "smtp.banner", "x", H "smtp:\n  banner: x\n", NULL },
	{ H "smtp:\n    # the loop\n    max_received: 30\nuser: x\n", "smtp.banner", "x",
	    H "smtp:\n    # the loop\n    banner: x\n    max_received: 30\nuser: x\n",
	    NULL },
	{ H "smtp: # nothing yet\nuser: x\n", "smtp.banner", "x",
	    H "smtp:\n  banner: x # nothing yet\nuser: x\n", NULL },
	{ H, "smtp.listen", "[\"127.0.0.1:25\"]",
	    H "smtp:\n  listen: [\"127.0.0.1:25\"]\n", NULL },
	{ H, "smtp.listen", "127.0.0.1:25", H "smtp:\n  listen: \"127.0.0.1:25\"\n",
	    NULL },
	/* a value is not YAML */
	{ H, "smtp.banner", "a # b", H "smtp:\n  banner: \"a # b\"\n", NULL },
	{ H, "smtp.banner", "[x]", H "smtp:\n  banner: \"[x]\"\n", NULL },
	{ H, "smtp.banner", "\"q\" \\ \xc3\xa9",
	    H "smtp:\n  banner: \"\\\"q\\\" \\\\ \xc3\xa9\"\n", NULL },
	{ H, "smtp.banner", "null", H "smtp:\n  banner: \"null\"\n", NULL },
	{ H, "smtp.banner", " x", H "smtp:\n  banner: \" x\"\n", NULL },
	{ H, "user", "", H "user: \"\"\n", NULL },
	{ H, "smtp.banner", "a: b", H "smtp:\n  banner: \"a: b\"\n", NULL },
	/* refused */
	{ H, "worker", "2", NULL, "there is no key worker" },
	{ H, "workers", "99", NULL, "workers is a number from 0 to 64, not \"99\"" },
	{ H, "smtp.banner", "a\nworkers: 9", NULL, "a value is one line of text" },
	{ H "smtp:\n  listen: [\"127.0.0.1:25\"]\n", "smtp.listen", "127.0.0.1:26", NULL,
	    "smtp.listen is a list: give all of it, as '[\"...\", \"...\"]', or edit the "
	    "file" },
	{ H "smtp:\n  listen: []\n", "smtp.listen", "127.0.0.1:26", NULL,
	    "smtp.listen is a list: give all of it, as '[\"...\", \"...\"]', or edit the "
	    "file" },
	/* a list as a whole */
	{ H "tls:\n  names: []  # none\n  email: a@b.c\n", "tls.names", "[\"a.b.c\"]",
	    H "tls:\n  names: [\"a.b.c\"]  # none\n  email: a@b.c\n", NULL },
	{ H "tls: {names: [a.b.c], email: a@b.c}\n", "tls.names", "[]",
	    H "tls: {names: [], email: a@b.c}\n", NULL },
	{ H "tls:\n  names: [a.b.c,\n    d.b.c]\nuser: x\n", "tls.names",
	    "[d.b.c, \"*.b.c\"]", H "tls:\n  names: [d.b.c, \"*.b.c\"]\nuser: x\n",
	    NULL },
	{ H "tls:\n  names: [a.b.c, # first\n    d.b.c]\n", "tls.names", "[d.b.c]", NULL,
	    "tls.names cannot be changed in the way the file is written: edit it" },
	{ H "tls:\n  names:  # ours\n    - a.b.c # a\n    # of d\n    - \"d.b.c\"\n\n# "
	    "who\nuser: x\n",
	    "tls.names", "[a.b.c, d.b.c, e.b.c]",
	    H
	    "tls:\n  names:  # ours\n    - a.b.c # a\n    # of d\n    - \"d.b.c\"\n    - "
	    "\"e.b.c\"\n\n# who\nuser: x\n",
	    NULL },
	{ H "tls:\n  names:\n  - a.b.c # a\n  - d.b.c\n  - e.b.c", "tls.names",
	    "[a.b.c, e.b.c, f.b.c]",
	    H "tls:\n  names:\n  - a.b.c # a\n  - e.b.c\n  - \"f.b.c\"\n", NULL },
	{ H "tls:\n  names:\n    - a.b.c\n    - d.b.c\n", "tls.names", "[d.b.c, a.b.c]",
	    H "tls:\n  names:\n    - d.b.c\n    - \"a.b.c\"\n", NULL },
	{ H "tls:\n  names:\n    - a.b.c\n", "tls.names", "[]", NULL,
	    "tls.names cannot be changed in the way the file is written: edit it" },
	{ H "tls:\n  names:\n    -\n      a.b.c\n", "tls.names", "[d.b.c]", NULL,
	    "tls.names cannot be changed in the way the file is written: edit it" },
	{ H "tls:\n  names: [a.b.c]\n", "tls.names", "[d.b.c", NULL, NULL },
	{ H "tls:\n  names: [a.b.c]\n", "tls.names", "[d.b.c] , x", NULL, NULL },
	{ H "tls:\n  names: [a.b.c]\n", "tls.names", "[{a: b}]", NULL, NULL },
	{ H "tls:\n  names: [a.b.c]\n", "tls.names", "[\"no name\"]", NULL, NULL },
	{ H "tls:\n  names: [a.b.c] # x\n", "tls.names", "[d.b.c] # y", NULL, NULL },
	{ H "smtp: {max_received: 30}\n", "smtp.banner", "x", NULL, NULL },
	{ "{hostname: mail.test.net}\n", "workers", "1", NULL, NULL },
	{ H "...\n", "workers", "1", NULL, NULL },
	{ H "smtp: yes\n", "smtp.banner", "x", NULL, NULL },
	{ H "workers: 1\nworkers: 2\n", "workers", "3", NULL, "this key is there twice" },
	{ "", "workers", "3", NULL, "hostname is missing: the full name of this server" },
	{ "hostname: mail.example.com\n", "hostname", "mail.test.net", H, NULL },
};

static void check_change(const struct change *ch)
{
	struct vx_buf out = { .max = VX_CONFIG_OCTETS_MAX };
	struct vx_error err = { .text = "" };
	const int rc = vx_config_set(vx_slice_str(ch->before), "f",
	    vx_slice_str(ch->path), vx_slice_str(ch->value), &out, &err);

	if (ch->after != NULL) {
		ck_assert_msg(
		    rc == VX_OK, "%s in %s: %s", ch->path, ch->before, err.text);
		vxt_assert_str(vx_buf_slice(&out), ch->after);
	} else {
		ck_assert_msg(rc < 0, "%s in %s: was taken", ch->path, ch->before);
		ck_assert_uint_gt(strlen(err.text), 0);
		ck_assert_uint_eq(out.len, 0);
		if (ch->error != NULL)
			ck_assert_str_eq(err.text, ch->error);
	}
	vx_buf_done(&out);
}

START_TEST(each_change)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		check_change(&changes[i]);
}
END_TEST

VXT_SUITE(test_set, "set", each_change)
