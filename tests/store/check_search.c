#include "lib/vxt.h"

vxt_suite_fn test_search;

VXT_MAIN(test_search)
