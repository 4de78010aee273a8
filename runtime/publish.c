#include "runtime/publish.h"

#include <stdio.h>

bool vx_publish(const char *path, vx_slice text)
{
	char aside[520];
	FILE *f;
	bool good;

	(void)snprintf(aside, sizeof(aside), "%.510s.new", path);
	f = fopen(aside, "we");
	if (f == NULL)
		return false;
	good = fwrite(text.ptr, 1, text.len, f) == text.len;
	good = fclose(f) == 0 && good;
	return good && rename(aside, path) == 0;
}
