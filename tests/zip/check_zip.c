#include "lib/vxt.h"

vxt_suite_fn test_archive, test_gzip, test_session;

VXT_MAIN(test_archive, test_gzip, test_session)
