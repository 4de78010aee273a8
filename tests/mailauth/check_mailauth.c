#include "lib/vxt.h"

Suite *test_spf(void);
Suite *test_spf_field(void);
Suite *test_spf_limits(void);
Suite *test_spf_macro(void);
Suite *test_spf_suite(void);
Suite *test_verdict(void);

VXT_MAIN(test_spf, test_spf_field, test_spf_limits, test_spf_macro, test_spf_suite,
    test_verdict)
