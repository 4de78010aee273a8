#include "lib/vxt.h"

vxt_suite_fn test_load, test_secrets, test_set;

VXT_MAIN(test_load, test_secrets, test_set)
