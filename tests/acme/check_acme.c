#include "lib/vxt.h"

Suite *test_caa(void);
Suite *test_issue(void);
Suite *test_object(void);
Suite *test_permit(void);
Suite *test_renewal(void);
Suite *test_trouble(void);
Suite *test_ways(void);
Suite *test_dane(void);

VXT_MAIN(test_object, test_permit, test_issue, test_trouble, test_renewal, test_ways,
    test_caa, test_dane)
