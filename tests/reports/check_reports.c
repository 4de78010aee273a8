#include "lib/vxt.h"

vxt_suite_fn test_count, test_intake, test_make;

VXT_MAIN(test_count, test_intake, test_make)
