#include "lib/vxt.h"

Suite *test_content(void);
Suite *test_diff(void);
Suite *test_persist(void);
Suite *test_plan(void);
Suite *test_spf_merge(void);
Suite *test_tangle(void);
Suite *test_ttl(void);

VXT_MAIN(test_content, test_diff, test_persist, test_plan, test_spf_merge, test_tangle,
    test_ttl)
