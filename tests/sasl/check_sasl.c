#include "lib/vxt.h"

Suite *test_client(void);
Suite *test_plain(void);
Suite *test_scram(void);

VXT_MAIN(test_client, test_plain, test_scram)
