#include "lib/vxt.h"

Suite *test_backup(void);
Suite *test_host(void);
Suite *test_rows(void);

VXT_MAIN(test_rows, test_host, test_backup)
