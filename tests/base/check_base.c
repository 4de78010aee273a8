#include "lib/vxt.h"

vxt_suite_fn test_arena, test_buf, test_encode, test_fs, test_hold, test_log, test_map,
    test_network, test_order, test_redact, test_slice;

VXT_MAIN(test_arena, test_buf, test_encode, test_fs, test_hold, test_log, test_map,
    test_network, test_order, test_redact, test_slice)
