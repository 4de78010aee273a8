noinst_LTLIBRARIES += libvx_reports.la
libvx_reports_la_SOURCES = %D%/add.c %D%/batch.c %D%/batch.h %D%/note.c %D%/record.c %D%/record.h
