#include "lib/vxt.h"

Suite *test_arc(void);
Suite *test_arc_suite(void);
Suite *test_auth_results(void);
Suite *test_canon(void);
Suite *test_dkim_corpus(void);
Suite *test_dkim_sign(void);
Suite *test_dkim_verify(void);
Suite *test_dmarc(void);
Suite *test_dmarc_destination(void);
Suite *test_dmarc_from(void);
Suite *test_dmarc_record(void);
Suite *test_report(void);
Suite *test_report_tls(void);
Suite *test_reverse(void);
Suite *test_spf(void);
Suite *test_spf_field(void);
Suite *test_spf_limits(void);
Suite *test_spf_macro(void);
Suite *test_spf_suite(void);
Suite *test_srs(void);
Suite *test_tags(void);
Suite *test_verdict(void);

VXT_MAIN(test_arc, test_arc_suite, test_auth_results, test_canon, test_dkim_corpus,
    test_dkim_sign, test_dkim_verify, test_dmarc, test_dmarc_destination, test_dmarc_from,
    test_dmarc_record, test_report, test_report_tls, test_reverse, test_spf,
    test_spf_field, test_spf_limits, test_spf_macro, test_spf_suite, test_srs, test_tags,
    test_verdict)
