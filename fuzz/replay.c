/* replay.c - run a fuzz target over files, for builds without libFuzzer. */
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct vx_buf file = { .max = 16u << 20 };
		struct vx_error err;
		uint8_t *exact; /* exactly sized, so that a read past the end is seen */

		if (vx_fs_read(argv[i], &file, &err) != VX_OK) {
			fprintf(stderr, "%s: %s\n", argv[0], err.text);
			return 1;
		}
		exact = malloc(file.len > 0 ? file.len : 1);
		if (exact == NULL)
			return 1;
		if (file.len > 0)
			memcpy(exact, file.ptr, file.len);
		(void)LLVMFuzzerTestOneInput(exact, file.len);
		free(exact);
		vx_buf_done(&file);
	}
	return 0;
}
