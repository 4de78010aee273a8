noinst_LTLIBRARIES += libvx_service.la
libvx_service_la_SOURCES = %D%/acme_setup.c %D%/fetch.c %D%/imap.c %D%/imap_access.c %D%/imap_acl.c %D%/imap_answer.c %D%/imap_append.c %D%/imap_catenate.c %D%/imap_change.c \
	%D%/imap_command.c %D%/imap_fetch.c %D%/imap_fetch.h %D%/imap_fetch_cmd.c \
	%D%/imap_filter.c %D%/imap_filter.h \
	%D%/imap_int.h %D%/imap_list.c %D%/imap_list.h %D%/imap_shared.c %D%/imap_login.c %D%/imap_mailbox.c %D%/imap_match.c %D%/imap_match.h %D%/imap_notify.c %D%/imap_notify.h %D%/imap_notify_table.c %D%/imap_notify_table.h %D%/imap_metadata.c %D%/imap_quota.c %D%/imap_search.c \
	%D%/imap_search.h %D%/imap_context.c %D%/imap_context.h %D%/imap_entries.c %D%/imap_entries.h %D%/imap_multi.c %D%/imap_sort.c %D%/imap_sort.h \
	%D%/imap_sync.c %D%/imap_task.c %D%/imap_vanished.c %D%/imap_view.c %D%/pop3.c %D%/pop3_int.h %D%/pop3_surrogate.c %D%/pop3_work.c \
	%D%/own_events.c %D%/own_events.h %D%/own_inquiry.c %D%/own_inquiry.h %D%/own_rates.c %D%/own_rates.h %D%/own_queue.c %D%/own_queue.h %D%/own_sign.c %D%/own_sign.h %D%/own_srs.c %D%/own_srs.h %D%/own_tls_results.c %D%/own_tls_results.h %D%/quota_notice.c %D%/quota_notice.h %D%/sender.c %D%/sender_int.h %D%/sender_message.c \
	%D%/sender_report.c %D%/sender_report.h %D%/sender_settle.c %D%/sender_visit.c %D%/smtp.c %D%/smtp_check.c %D%/smtp_check.h %D%/smtp_forward.c %D%/smtp_greylist.c %D%/smtp_greylist.h %D%/smtp_header.c %D%/smtp_header.h %D%/smtp_int.h %D%/smtp_peer.c %D%/smtp_peer.h %D%/smtp_policy.c %D%/smtp_policy.h %D%/smtp_receive.c %D%/smtp_receive.h %D%/smtp_says.c %D%/smtp_says.h %D%/smtp_submit.c \
	%D%/smtp_submit.h %D%/smtp_txn.c
libvx_service_la_SOURCES += %D%/sender_seven.c %D%/sender_seven.h
libvx_service_la_SOURCES += %D%/own_reports.c %D%/own_reports.h %D%/report_int.h %D%/report_receive.c %D%/report_send.c %D%/report_sender.c
libvx_service_la_SOURCES += %D%/sender_relay.c
libvx_service_la_SOURCES += %D%/sender_list.c %D%/smtp_list.c
libvx_service_la_SOURCES += %D%/smtp_limit.c %D%/smtp_limit.h
libvx_service_la_SOURCES += %D%/own_bounce.c %D%/own_bounce.h
libvx_service_la_SOURCES += %D%/sender_sts.c %D%/sender_sts.h %D%/sender_tls.c %D%/sender_tls.h
libvx_service_la_SOURCES += %D%/verifier.c %D%/verify_plan.c %D%/verify_plan.h
