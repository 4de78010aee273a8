#include "lib/vxt.h"

Suite *test_check(void);
Suite *test_refused(void);
Suite *test_throttle(void);

VXT_MAIN(test_check, test_refused, test_throttle)
