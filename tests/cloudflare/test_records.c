#include "cloudflare/client.h"
#include "cloudflare/script.h"

#include <stdlib.h>

/* Our record, what we send for it, and what comes back. */
START_TEST(records_go_and_come)
{
	static const struct {
		const char *type, *content, *sent;
	} rows[] = {
		{ "A", "192.0.2.1", "\"content\":\"192.0.2.1\",\"proxied\":false" },
		{ "AAAA", "2001:db8::1",
		    "\"content\":\"2001:db8::1\",\"proxied\":false" },
		{ "CNAME", "mail.example.net",
		    "\"content\":\"mail.example.net\",\"proxied\":false" },
		{ "MX", "10 mail.example.net",
		    "\"priority\":10,\"content\":\"mail.example.net\"" },
		{ "TXT", "v=spf1 -all", "\"content\":\"\\\"v=spf1 -all\\\"\"" },
		{ "TXT", "a\"b\\c", "\"content\":\"\\\"a\\\\\\\"b\\\\\\\\c\\\"\"" },
		{ "SRV", "0 1 465 mail.example.net",
		    "\"data\":{\"priority\":0,\"weight\":1,\"port\":465,\"target\":"
		    "\"mail.example.net\"}" },
		{ "SRV", "0 0 0 .",
		    "\"data\":{\"priority\":0,\"weight\":0,\"port\":0,\"target\":\"."
		    "\"}" },
		{ "TLSA", "3 1 1 abcd",
		    "\"data\":{\"usage\":3,\"selector\":1,\"matching_type\":1,"
		    "\"certificate\":\"abcd\"}" },
		{ "CAA", "0 issue \"ca.example; a=\\\"b\\\"\"",
		    "\"data\":{\"flags\":0,\"tag\":\"issue\",\"value\":\"ca.example; "
		    "a=\\\"b\\\"\"}" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vx_zone_record r = { .name = "x.example.net",
			.type = rows[i].type,
			.content = rows[i].content,
			.comment = "vectis:mx",
			.ttl = 300 };
		json_t *j = vx_cf_record_write(&r, true);
		char *text = json_dumps(j, JSON_COMPACT);
		struct vx_buf want = { .max = 1000 };
		struct vx_zone z;

		vx_buf_printf(&want,
		    "{\"type\":\"%s\",\"name\":\"x.example.net\",\"ttl\":300,\"comment\":"
		    "\"vectis:mx\",%s}",
		    r.type, rows[i].sent);
		vxt_assert_str(vx_buf_slice(&want), text);
		/* read back it is the same */
		vx_zone_init(&z);
		(void)json_object_set_new(j, "id", json_string("r1"));
		vxt_assert_ok(vx_cf_record_read(&z, j));
		ck_assert_str_eq(z.records[0].content, r.content);
		ck_assert_str_eq(z.records[0].comment, "vectis:mx");
		ck_assert_uint_eq(z.records[0].ttl, 300);
		vx_zone_done(&z);
		vx_buf_done(&want);
		json_decref(j);
		free(text);
	}
}
END_TEST

START_TEST(whatever_comes_is_read)
{
	static const struct {
		const char *json, *want; /* NULL: it is no record */
	} rows[] = {
		{ "{\"id\":\"a\",\"name\":\"X.Example.net\",\"type\":\"MX\",\"priority\":"
		  "10.0,"
		  "\"content\":\"Mail.Example.net\"}",
		    "x.example.net MX 10 mail.example.net" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"SRV\",\"priority\":5,"
		  "\"content\":\"5 1 465 a.net\"}",
		    "x.net SRV 5 1 465 a.net" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"TLSA\","
		  "\"content\":\"3 1 1 ABCD\"}",
		    "x.net TLSA 3 1 1 abcd" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"CAA\","
		  "\"content\":\"0 issue \\\"ca.example\\\"\"}",
		    "x.net CAA 0 issue \"ca.example\"" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"TXT\","
		  "\"content\":\"\\\"v=spf1 \\\" \\\"-all\\\"\"}",
		    "x.net TXT v=spf1 -all" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"TXT\",\"content\":\"raw "
		  "text\","
		  "\"unknown\":{\"deep\":[1,2]},\"ttl\":1,\"meta\":{\"read_only\":true}}",
		    "x.net TXT raw text locked" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"A\",\"content\":\"192.0.2."
		  "1\","
		  "\"proxied\":true,\"locked\":false,\"comment\":null}",
		    "x.net A 192.0.2.1 proxied" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"MX\",\"priority\":-1,"
		  "\"content\":\"a.net\",\"meta\":{\"email_routing\":true}}",
		    "x.net MX 0 a.net locked" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"MX\",\"priority\":1e300,"
		  "\"content\":\"a.net\"}",
		    "x.net MX 0 a.net" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"HTTPS\","
		  "\"content\":\"1 . alpn=h2\"}",
		    "x.net HTTPS 1 . alpn=h2" },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"type\":\"MX\"}", "x.net MX 0 " },
		{ "{\"name\":\"x.net\",\"type\":\"A\",\"content\":\"192.0.2.1\"}", NULL },
		{ "{\"id\":\"a\",\"type\":\"A\",\"content\":\"192.0.2.1\"}", NULL },
		{ "{\"id\":\"a\",\"name\":\"x.net\",\"content\":\"192.0.2.1\"}", NULL },
		{ "{\"id\":\"a\",\"name\":\"x..net\",\"type\":\"A\",\"content\":\"1\"}",
		    NULL },
		{ "{\"id\":7,\"name\":\"x.net\",\"type\":\"A\",\"content\":\"1\"}",
		    NULL },
		{ "{\"id\":\"0123456789abcdef0123456789abcdef0\",\"name\":\"x.net\","
		  "\"type\":\"A\",\"content\":\"1\"}",
		    NULL },
		{ "[]", NULL },
		{ "null", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *j = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
		struct vx_buf got = { .max = 1000 };
		struct vx_zone z;
		int rc;

		vx_zone_init(&z);
		rc = vx_cf_record_read(&z, j);
		ck_assert_msg(
		    rc == (rows[i].want == NULL ? VX_ESYNTAX : VX_OK), "row %zu", i);
		if (rc == VX_OK) {
			const struct vx_zone_record *r = &z.records[0];

			vx_buf_printf(&got, "%s %s %s%s%s", r->name, r->type, r->content,
			    r->proxied ? " proxied" : "", r->locked ? " locked" : "");
			vxt_assert_str(vx_buf_slice(&got), rows[i].want);
		}
		vx_zone_done(&z);
		vx_buf_done(&got);
		json_decref(j);
	}
}
END_TEST

VXT_SUITE(test_records, "records", records_go_and_come, whatever_comes_is_read)
