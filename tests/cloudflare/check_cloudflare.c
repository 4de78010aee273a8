#include "lib/vxt.h"

Suite *test_apply(void);
Suite *test_backup(void);
Suite *test_challenge(void);
Suite *test_client(void);
Suite *test_error(void);
Suite *test_records(void);

VXT_MAIN(test_apply, test_backup, test_challenge, test_client, test_error, test_records)
