sbin_PROGRAMS += vectisctl/vectisctl
vectisctl_vectisctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
vectisctl_vectisctl_LDADD = libvx_fetch.la libvx_runtime.la libvectis.la $(JANSSON_LIBS)
vectisctl_vectisctl_SOURCES = \
	%D%/check.h \
	%D%/check_certs.c \
	%D%/check_others.c \
	%D%/check_reach.c \
	%D%/check_server.c \
	%D%/cmd_acme.c \
	%D%/cmd_block.c \
	%D%/cmd_bounce.c \
	%D%/cmd_cert.c \
	%D%/cmd_check.c \
	%D%/cmd_config.c \
	%D%/cmd_dkim.c \
	%D%/cmd_dns.c \
	%D%/cmd_domain.c \
	%D%/cmd_export.c \
	%D%/cmd_list.c \
	%D%/cmd_mailbox.c \
	%D%/cmd_metadata.c \
	%D%/cmd_move.c \
	%D%/cmd_preflight.c \
	%D%/cmd_queue.c \
	%D%/cmd_relay.c \
	%D%/cmd_reports.c \
	%D%/cmd_search.c \
	%D%/cmd_setup.c \
	%D%/cmd_status.c \
	%D%/cmd_store.c \
	%D%/cmd_test.c \
	%D%/cmd_tls.c \
	%D%/cmd_verify.c \
	%D%/cmd_why.c \
	%D%/ctl.h \
	%D%/dial.c \
	%D%/dial.h \
	%D%/dns.c \
	%D%/dns.h \
	%D%/dns_kept.c \
	%D%/dns_more.c \
	%D%/holders.c \
	%D%/holders.h \
	%D%/install.c \
	%D%/main.c \
	%D%/notes.c \
	%D%/notes.h \
	%D%/old_clients.c \
	%D%/password.c \
	%D%/process.c \
	%D%/process.h \
	%D%/processes.c \
	%D%/refused.c \
	%D%/say.c \
	%D%/verify.h \
	%D%/words.c
