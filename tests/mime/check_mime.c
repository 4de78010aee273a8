#include "lib/vxt.h"

vxt_suite_fn test_address, test_bounds, test_date, test_downgrade, test_dsn, test_encoder,
    test_footer, test_header, test_message, test_plain, test_sevenbit, test_structure, test_subject,
    test_text, test_xtext;

VXT_MAIN(test_address, test_bounds, test_date, test_downgrade, test_dsn, test_encoder,
    test_footer, test_header, test_message, test_plain, test_sevenbit, test_structure, test_subject,
    test_text, test_xtext)
