#include "lib/vxt.h"

Suite *test_limits(void);
Suite *test_progress(void);
Suite *test_qresync(void);
Suite *test_sharing(void);
Suite *test_sort(void);
Suite *test_transcripts(void);

VXT_MAIN(
    test_transcripts, test_limits, test_progress, test_qresync, test_sharing, test_sort)
