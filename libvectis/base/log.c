#include "vectis/log.h"

#include "base/chars.h"
#include "vectis/buf.h"
#include "vectis/err.h"

#include <errno.h>
#include <unistd.h>

/* A value that needs no quotes: visible ASCII without '"', '\\' and '='. */
static bool plain(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 127 ||
		    strchr("\"\\=", s.ptr[i]) != NULL)
			return false;
	return s.len > 0;
}

static void add_value(struct vx_buf *b, vx_slice s)
{
	if (plain(s)) {
		vx_buf_add(b, s);
		return;
	}
	vx_buf_add_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];

		if (c == '"' || c == '\\')
			vx_buf_printf(b, "\\%c", c);
		else if (vx_is(c, VX_C_CTL | VX_C_HIGH))
			vx_buf_printf(b, "\\x%02x", (unsigned)(unsigned char)c);
		else
			vx_buf_add_char(b, c);
	}
	vx_buf_add_char(b, '"');
}

static void add_kv(struct vx_buf *b, const struct vx_kv *kv)
{
	vx_buf_printf(b, " %s=", kv->key);
	switch (kv->type) {
	case VX_KV_SLICE:
		add_value(b, vx_slice_head(kv->s, VX_LOG_LINE_MAX));
		break;
	case VX_KV_INT:
		vx_buf_printf(b, "%lld", (long long)kv->i);
		break;
	case VX_KV_UINT:
		vx_buf_add_number(b, kv->u);
		break;
	}
}

void vx_log_write(const struct vx_log *log, enum vx_log_level level, const char *event,
    const struct vx_kv *kvs)
{
	struct vx_buf line = { .max = (size_t)8 * VX_LOG_LINE_MAX };
	const int saved = errno;

	if (log == NULL || level > log->level)
		return;
	vx_buf_printf(&line, "<%d>", (int)level);
	if (log->program[0] != '\0')
		vx_buf_printf(&line, "prog=%s ", log->program);
	vx_buf_add_str(&line, "event=");
	add_value(&line, vx_slice_str(event));
	for (; kvs->key != NULL; kvs++)
		add_kv(&line, kvs);
	if (line.failed || line.len > VX_LOG_LINE_MAX - 4) {
		line.failed = false;
		vx_buf_truncate(&line,
		    line.len < VX_LOG_LINE_MAX - 4 ? line.len : VX_LOG_LINE_MAX - 4);
		vx_buf_add_str(&line, "...");
	}
	vx_buf_add_char(&line, '\n');
	/* A log that cannot be written is nobody's reason to stop. */
	if (line.len > 0 && write(log->fd, line.ptr, line.len) < 0)
		errno = saved;
	vx_buf_done(&line);
	errno = saved;
}

int vx_log_level_parse(vx_slice word, enum vx_log_level *out)
{
	static const struct {
		const char *word;
		enum vx_log_level level;
	} words[] = { { "error", VX_LOG_ERROR }, { "warn", VX_LOG_WARN },
		{ "info", VX_LOG_INFO }, { "debug", VX_LOG_DEBUG } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (vx_slice_eq(word, vx_slice_str(words[i].word))) {
			*out = words[i].level;
			return VX_OK;
		}
	}
	return VX_EINVAL;
}
