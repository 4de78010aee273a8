noinst_LTLIBRARIES += libvx_acme.la
libvx_acme_la_SOURCES = %D%/account.c %D%/acme_int.h %D%/core.c %D%/dane.c %D%/install.c \
	%D%/jws.c %D%/keys.c %D%/object.c %D%/order.c %D%/permit.c %D%/plan.c %D%/revoke.c \
	%D%/state.c %D%/ways.c %D%/when.c
libvx_acme_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libvx_acme_la_LIBADD = $(JANSSON_LIBS)
