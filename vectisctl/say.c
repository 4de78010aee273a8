/* What a command says: to people, and into its result. */
#include "vectis/memory.h"
#include "vectisctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Some of it was said by strangers, who may not speak to the operator's terminal. */
static void make_harmless(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 in UTF-8 */
			p[0] = p[1] = '?';
}

int ctl_fail(struct ctl *c, int status, const char *fmt, ...)
{
	char text[CTL_ERROR_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	make_harmless(text);
	if (json_object_get(c->result, "error") == NULL)
		(void)json_object_set_new(
		    c->result, "error", ctl_text(vx_slice_str(text)));
	fprintf(stderr, "vectisctl: %s\n", text);
	return status;
}

void ctl_warn(struct ctl *c, const char *fmt, ...)
{
	char text[CTL_ERROR_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	make_harmless(text);
	if (json_object_get(c->result, "warnings") == NULL)
		(void)json_object_set_new(c->result, "warnings", json_array());
	(void)json_array_append_new(
	    json_object_get(c->result, "warnings"), ctl_text(vx_slice_str(text)));
	fprintf(stderr, "vectisctl: warning: %s\n", text);
}

void ctl_say(const struct ctl *c, const char *fmt, ...)
{
	va_list args, again;
	char *text;
	int len;

	if (c->json || c->quiet)
		return;
	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = len < 0 ? NULL : vx_memory_alloc((size_t)len + 1);
	if (text != NULL) {
		(void)vsnprintf(text, (size_t)len + 1, fmt, args);
		make_harmless(text);
		(void)puts(text);
	}
	va_end(args);
	vx_memory_free(text);
}

/*
 * What was cut to a length may end in the middle of a character, which is left out; what
 * has no meaning as UTF-8 is shown without it.
 */
json_t *ctl_text(vx_slice s)
{
	json_t *text = json_stringn(s.len == 0 ? "" : s.ptr, s.len);
	char *plain;

	for (size_t cut = 1; text == NULL && cut < 4 && cut < s.len; cut++)
		text = json_stringn(s.ptr, s.len - cut);
	if (text != NULL)
		return text;
	plain = vx_memory_alloc(s.len + 1);
	if (plain == NULL)
		return json_string("");
	for (size_t i = 0; i < s.len; i++)
		plain[i] = (char)((unsigned char)s.ptr[i] < 0x80 ? s.ptr[i] : '?');
	text = json_stringn(plain, s.len);
	vx_memory_free(plain);
	return text;
}
