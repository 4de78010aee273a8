#include "lib/vxt.h"

Suite *test_backup(void);
Suite *test_checklist(void);
Suite *test_flow(void);
Suite *test_history(void);
Suite *test_host(void);
Suite *test_rows(void);
Suite *test_server(void);
Suite *test_state(void);

VXT_MAIN(test_rows, test_flow, test_host, test_backup, test_checklist, test_history,
    test_server, test_state)
