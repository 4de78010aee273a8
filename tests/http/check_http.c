#include "lib/vxt.h"

Suite *test_server(void);

VXT_MAIN(test_server)
