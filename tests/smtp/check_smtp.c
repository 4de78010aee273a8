#include "lib/vxt.h"

Suite *test_data(void);
Suite *test_path(void);
Suite *test_server(void);
Suite *test_limits(void);

VXT_MAIN(test_data, test_path, test_server, test_limits)
