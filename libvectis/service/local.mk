noinst_LTLIBRARIES += libvx_service.la
libvx_service_la_SOURCES = %D%/pop3.c %D%/pop3_int.h %D%/pop3_work.c \
	%D%/smtp.c %D%/smtp_int.h %D%/smtp_txn.c
