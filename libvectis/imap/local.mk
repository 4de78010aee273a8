noinst_LTLIBRARIES += libvx_imap.la
libvx_imap_la_SOURCES = \
	%D%/forest.c \
	%D%/forest.h \
	%D%/frame.c \
	%D%/frame.h \
	%D%/names.c \
	%D%/notify.c \
	%D%/notify.h \
	%D%/parse.c \
	%D%/parse.h \
	%D%/respond.c \
	%D%/respond.h \
	%D%/search.c \
	%D%/select.c \
	%D%/sort.c \
	%D%/sort.h \
	%D%/thread.c \
	%D%/thread.h \
	%D%/url.c \
	%D%/url.h
