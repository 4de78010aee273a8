noinst_LTLIBRARIES += libvx_directory.la
libvx_directory_la_SOURCES = \
	%D%/block.c \
	%D%/change.c \
	%D%/dkim.c \
	%D%/list.c \
	%D%/lookup.c \
	%D%/record.c \
	%D%/record.h \
	%D%/sending.c
