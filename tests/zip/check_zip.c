#include "lib/vxt.h"

vxt_suite_fn test_gzip, test_session;

VXT_MAIN(test_gzip, test_session)
