#include "lib/vxt.h"

Suite *test_digest(void);
Suite *test_key(void);
Suite *test_password(void);
Suite *test_pki(void);

VXT_MAIN(test_digest, test_key, test_password, test_pki)
