noinst_LTLIBRARIES += libvx_reports.la
libvx_reports_la_SOURCES = %D%/add.c %D%/batch.c %D%/batch.h %D%/intake.c %D%/intake.h %D%/make.c \
	%D%/make.h %D%/note.c %D%/read.c %D%/record.c %D%/record.h %D%/settle.c %D%/settle.h %D%/tlsrpt.c
