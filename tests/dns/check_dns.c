#include "lib/vxt.h"

Suite *test_caa(void);
Suite *test_cache(void);
Suite *test_dnsbl(void);
Suite *test_message(void);
Suite *test_name(void);
Suite *test_record(void);
Suite *test_server(void);
Suite *suite_ownership(void);

VXT_MAIN(test_caa, test_cache, test_dnsbl, test_message, test_name, suite_ownership,
    test_record, test_server)
