/* Every tests/data/imap/NAME.session; VXT_SESSION=NAME plays one of them only. */
#include "lib/vxt.h"
#include "imap_play.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_sessions)
{
	const char *only = getenv("VXT_SESSION");
	glob_t g;

	ck_assert_int_eq(glob(VXT_DATA "/imap/*.session", 0, NULL, &g), 0);
	ck_assert_uint_gt(g.gl_pathc, 1);
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (only == NULL || strstr(g.gl_pathv[i], only) != NULL)
			imap_play(g.gl_pathv[i]);
	globfree(&g);
}
END_TEST

VXT_SUITE(test_transcripts, "transcripts", test_sessions)
