#include "lib/vxt.h"

Suite *test_rows(void);

VXT_MAIN(test_rows)
