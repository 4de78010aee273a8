#include "lib/vxt.h"

vxt_suite_fn test_address, test_date, test_header, test_message, test_plain, test_subject;

VXT_MAIN(test_address, test_date, test_header, test_message, test_plain, test_subject)
