/* What vectisctl's commands share. */
#include "lib/vxt.h"

vxt_suite_fn test_dial, test_say;

VXT_MAIN(test_dial, test_say)
