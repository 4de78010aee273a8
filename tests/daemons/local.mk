# Real daemons on loopback, driven by real clients.
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = python3
# what takes longest begins first
TESTS += %D%/test_acme.py
daemon_tests = %D%/test_clients.py %D%/test_ctl.py %D%/test_durable.py \
	%D%/test_export.py %D%/test_hostile.py %D%/test_imap.py \
	%D%/test_imap_extensions.py %D%/test_live.py %D%/test_mail.py %D%/test_more_clients.py \
	%D%/test_restore.py %D%/test_runtime.py %D%/test_security.py %D%/test_sequences.py
TESTS += $(daemon_tests)
EXTRA_DIST += $(daemon_tests) %D%/harness.py %D%/instance.py %D%/run.py
TESTS += %D%/test_all_mail.py
EXTRA_DIST += %D%/test_all_mail.py
TESTS += %D%/test_context.py
EXTRA_DIST += %D%/test_context.py
TESTS += %D%/test_search.py
EXTRA_DIST += %D%/test_search.py
TESTS += %D%/test_sharing.py
EXTRA_DIST += %D%/test_sharing.py
TESTS += %D%/test_stress.py
EXTRA_DIST += %D%/test_stress.py
TESTS += %D%/test_sending.py
EXTRA_DIST += %D%/test_sending.py %D%/peers.py
TESTS += %D%/test_interop.py
EXTRA_DIST += %D%/test_interop.py %D%/mta.py
TESTS += %D%/test_check.py %D%/test_dns.py %D%/test_tls_scan.py
EXTRA_DIST += %D%/test_check.py %D%/test_tls_scan.py %D%/test_dns.py %D%/cloudflare.py
TESTS += %D%/test_fetch.py
EXTRA_DIST += %D%/test_fetch.py
EXTRA_DIST += %D%/test_acme.py %D%/acme_peers.py
TESTS += %D%/test_challenges.py
EXTRA_DIST += %D%/test_challenges.py
TESTS += %D%/test_dane_keys.py
EXTRA_DIST += %D%/test_dane_keys.py
TESTS += %D%/test_dnssec.py
EXTRA_DIST += %D%/test_dnssec.py %D%/signed_names.py
TESTS += %D%/test_durable_sending.py
EXTRA_DIST += %D%/test_durable_sending.py %D%/clock_shift.c
TESTS += %D%/test_receiving.py
EXTRA_DIST += %D%/test_receiving.py
TESTS += %D%/test_reports.py
EXTRA_DIST += %D%/test_reports.py
TESTS += %D%/test_relay.py
EXTRA_DIST += %D%/test_relay.py
TESTS += %D%/test_lists.py
EXTRA_DIST += %D%/test_lists.py
TESTS += %D%/test_limits.py
EXTRA_DIST += %D%/test_limits.py
TESTS += %D%/test_sts.py
EXTRA_DIST += %D%/test_sts.py
TESTS += %D%/test_backup.py
EXTRA_DIST += %D%/test_backup.py
TESTS += %D%/test_check_signed.py
EXTRA_DIST += %D%/test_check_signed.py %D%/knot_zone.py
TESTS += %D%/test_server.py
EXTRA_DIST += %D%/test_server.py
TESTS += %D%/test_flow.py
EXTRA_DIST += %D%/test_flow.py
