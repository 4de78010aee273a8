#include "lib/vxt.h"

vxt_suite_fn test_count;

VXT_MAIN(test_count)
