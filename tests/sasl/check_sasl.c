#include "lib/vxt.h"

Suite *test_plain(void);
Suite *test_scram(void);

VXT_MAIN(test_plain, test_scram)
