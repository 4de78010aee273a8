#include "lib/vxt.h"

Suite *test_pair(void);
Suite *test_follow(void);
Suite *test_connection(void);
Suite *test_client(void);
Suite *test_pairs(void);
Suite *test_proof(void);

VXT_MAIN(
    test_pair, test_follow, test_connection, test_client, test_pairs, test_proof)
