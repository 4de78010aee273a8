#include "lib/vxt.h"

Suite *test_body(void);
Suite *test_server(void);

VXT_MAIN(test_body, test_server)
