#include "lib/vxt.h"

Suite *test_session(void);

VXT_MAIN(test_session)
