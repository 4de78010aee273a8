#include "lib/vxt.h"

vxt_suite_fn test_all, test_backup, test_beside, test_collect, test_disk, test_engine,
    test_event, test_greylist, test_model, test_ops, test_probe, test_repair,
    test_vanished;

VXT_MAIN(test_all, test_backup, test_beside, test_collect, test_disk, test_engine,
    test_event, test_greylist, test_model, test_ops, test_probe, test_repair,
    test_vanished)
