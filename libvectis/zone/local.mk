noinst_LTLIBRARIES += libvx_zone.la
libvx_zone_la_SOURCES = \
	%D%/content.c \
	%D%/content.h \
	%D%/diff.c \
	%D%/persist.c \
	%D%/persist.h \
	%D%/plan.c \
	%D%/record.c \
	%D%/spf.c \
	%D%/spf.h \
	%D%/tangle.c \
	%D%/ttl.c \
	%D%/ttl.h
