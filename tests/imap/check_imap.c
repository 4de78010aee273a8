#include "lib/vxt.h"

Suite *test_fetch(void);
Suite *test_frame(void);
Suite *test_names(void);
Suite *test_notify(void);
Suite *test_parse(void);
Suite *test_respond(void);
Suite *test_search(void);
Suite *test_select(void);
Suite *test_sort(void);
Suite *test_thread(void);
Suite *test_url(void);

VXT_MAIN(test_frame, test_parse, test_fetch, test_search, test_names, test_notify,
    test_respond, test_select, test_sort, test_thread, test_url)
