#include "lib/vxt.h"

Suite *test_verdict(void);

VXT_MAIN(test_verdict)
