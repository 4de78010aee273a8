noinst_LTLIBRARIES += libvx_cloudflare.la
libvx_cloudflare_la_SOURCES = \
	%D%/backup.c \
	%D%/client.c \
	%D%/client.h \
	%D%/error.c \
	%D%/record.c \
	%D%/step.c \
	%D%/task.c
libvx_cloudflare_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libvx_cloudflare_la_LIBADD = $(JANSSON_LIBS)
