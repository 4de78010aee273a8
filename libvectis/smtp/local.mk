noinst_LTLIBRARIES += libvx_smtp.la
libvx_smtp_la_SOURCES = \
	%D%/client.c \
	%D%/client_int.h \
	%D%/client_txn.c \
	%D%/data.c \
	%D%/data.h \
	%D%/hint.c \
	%D%/path.c \
	%D%/path.h \
	%D%/reply.c \
	%D%/reply.h \
	%D%/route.c \
	%D%/server.c \
	%D%/sts.c \
	%D%/stuff.c \
	%D%/stuff.h
