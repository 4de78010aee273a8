#include "vectis/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *vx_strerror(int result)
{
	switch (result) {
#define VX_ERR_CASE(name, number, text)                                                  \
	case VX_##name:                                                                  \
		return text;
		VX_ERR_TABLE(VX_ERR_CASE)
#undef VX_ERR_CASE
	case VX_OK:
		return "ok";
	default:
		return result > 0 ? "in progress" : "unknown error";
	}
}

int vx_error_set(struct vx_error *err, int code, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return code;
	*err = (struct vx_error){ .code = code };
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	for (char *p = err->text; *p != '\0'; p++)
		if ((unsigned char)*p < 32)
			*p = '?';
	return code;
}

void vx_error_at(struct vx_error *err, const char *file, unsigned line, unsigned column)
{
	if (err == NULL)
		return;
	(void)snprintf(err->file, sizeof(err->file), "%s", file == NULL ? "" : file);
	err->line = line;
	err->column = column;
}

const char *vx_errno_text(int number)
{
	const char *text = strerrordesc_np(number);

	return text == NULL ? "unknown error" : text;
}

int vx_errno_result(int number)
{
	switch (number) {
	case 0:
		return VX_OK;
	case ENOMEM:
		return VX_ENOMEM;
	case EINVAL:
		return VX_EINVAL;
	case ENOENT:
	case ENOTDIR:
		return VX_ENOENT;
	case EEXIST:
		return VX_EEXIST;
	case ENOSPC:
	case EDQUOT:
		return VX_ENOSPC;
	case EACCES:
	case EPERM:
	case EROFS:
		return VX_EPERM;
	case EBUSY:
	case EADDRINUSE:
		return VX_EBUSY;
	case EAGAIN:
	case EINTR:
		return VX_ETEMP;
	case EMFILE:
	case ENFILE:
		return VX_ELIMIT;
	case ENOTEMPTY:
		return VX_ENOTEMPTY;
	case ETIMEDOUT:
		return VX_ETIMEOUT;
	default:
		return VX_EIO;
	}
}
