/* script.h - Cloudflare's side of a conversation, written down. */
#ifndef VXT_SCRIPT_H
#define VXT_SCRIPT_H

#include "lib/vxt.h"
#include "vectis/cloudflare.h"

#define ZONE_ID "0123456789abcdef0123456789abcdef"
#define ACCOUNT_ID "fedcba9876543210fedcba9876543210"
#define ZONE                                                                             \
	"{\"success\":true,\"errors\":[],\"messages\":[],\"result\":[{\"id\":\"" ZONE_ID \
	"\",\"name\":\"example.net\",\"status\":\"active\",\"type\":\"full\","           \
	"\"paused\":false,"                                                              \
	"\"name_servers\":[\"ada.ns.cloudflare.com\",\"bob.ns.cloudflare.com\"],"        \
	"\"account\":{\"id\":\"" ACCOUNT_ID "\"}}],\"result_info\":{\"page\":1,"         \
	"\"per_page\":50,\"count\":1,\"total_count\":1,\"total_pages\":1}}"
#define NO_ZONE "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":[]}"
#define FIND                                                                             \
	{                                                                                \
		"GET /zones?name=example.net&per_page=50", 200, ZONE, NULL               \
	}
#define RECORDS "GET /zones/" ZONE_ID "/dns_records?per_page=1000&page=1"
#define LIST(items)                                                                      \
	{                                                                                \
		RECORDS, 200, SUCCESS("[" items "]"), NULL                               \
	}
#define SUCCESS(result)                                                                  \
	"{\"result\":" result ",\"success\":true,\"errors\":[],\"messages\":[]}"
#define ERROR(code, message)                                                             \
	"{\"success\":false,\"errors\":[{\"code\":" #code ",\"message\":\"" message      \
	"\"}],\"messages\":[],\"result\":null}"

struct script_line {
	const char *want; /* "METHOD PATH", perhaps with " BODY" behind it */
	int status;       /* 0: no answer */
	const char *body;
	const char *retry_after; /* NULL */
};

struct vx_cf *script_client(void);
/* Answer cf's requests until its task is over; all lines must be used.  How long it took.
 */
uint64_t script_run(struct vx_cf *cf, const struct script_line *lines, size_t count);
#define SCRIPT_RUN(cf, lines) script_run(cf, lines, sizeof(lines) / sizeof((lines)[0]))
void script_outcome(const struct vx_cf *cf, enum vx_cf_outcome outcome);

#endif
