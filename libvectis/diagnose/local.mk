noinst_LTLIBRARIES += libvx_diagnose.la
libvx_diagnose_la_SOURCES = \
	%D%/ask.c \
	%D%/check_acme.c \
	%D%/check_backup.c \
	%D%/check_cloudflare.c \
	%D%/check_dns.c \
	%D%/check_flow.c \
	%D%/check_host.c \
	%D%/check_move.c \
	%D%/check_persist.c \
	%D%/check_policy.c \
	%D%/check_process.c \
	%D%/check_sender.c \
	%D%/check_server.c \
	%D%/check_state.c \
	%D%/check_tls.c \
	%D%/check_web.c \
	%D%/check_witness.c \
	%D%/checklist.c \
	%D%/core.c \
	%D%/diagnose.h \
	%D%/edge.c \
	%D%/history.c \
	%D%/report.c \
	%D%/reverse.c
