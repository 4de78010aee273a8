noinst_LTLIBRARIES += libvx_base.la
libvx_base_la_SOURCES = \
	%D%/arena.c \
	%D%/buf.c \
	%D%/bytes.h \
	%D%/chars.c %D%/chars.h \
	%D%/clock.c %D%/clock.h \
	%D%/cursor.h \
	%D%/encode.c %D%/encode.h \
	%D%/err.c \
	%D%/fs.c %D%/fs.h \
	%D%/hash.c %D%/hash.h \
	%D%/hold.c \
	%D%/intern.c %D%/intern.h \
	%D%/log.c \
	%D%/map.c %D%/map.h \
	%D%/mem.c %D%/mem.h \
	%D%/memory.c \
	%D%/network.c \
	%D%/order.c %D%/order.h \
	%D%/random.c %D%/random.h \
	%D%/slice.c
libvx_base_la_SOURCES += %D%/redact.c
