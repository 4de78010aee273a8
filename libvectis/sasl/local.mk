noinst_LTLIBRARIES += libvx_sasl.la
libvx_sasl_la_SOURCES = %D%/client.c %D%/sasl.c %D%/scram.c %D%/scram.h \
	%D%/scram_client.c
