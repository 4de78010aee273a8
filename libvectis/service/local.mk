noinst_LTLIBRARIES += libvx_service.la
libvx_service_la_SOURCES = %D%/smtp.c %D%/smtp_int.h %D%/smtp_txn.c
