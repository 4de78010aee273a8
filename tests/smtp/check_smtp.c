#include "lib/vxt.h"

Suite *test_client(void);
Suite *test_data(void);
Suite *test_inject(void);
Suite *test_pair(void);
Suite *test_sts(void);
Suite *test_stuff(void);
Suite *test_path(void);
Suite *test_route(void);
Suite *test_server(void);
Suite *test_limits(void);

VXT_MAIN(test_client, test_data, test_stuff, test_pair, test_path, test_route,
    test_server, test_limits, test_inject, test_sts)
