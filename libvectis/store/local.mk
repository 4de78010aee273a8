noinst_LTLIBRARIES += libvx_store.la
libvx_store_la_SOURCES = \
	%D%/account.h \
	%D%/acl.c \
	%D%/backup.c \
	%D%/blob.c \
	%D%/box.c %D%/box.h \
	%D%/check.c \
	%D%/collect.c \
	%D%/commit.c \
	%D%/guard.c %D%/guard.h \
	%D%/keys.c %D%/keys.h \
	%D%/kv.c %D%/kv.h \
	%D%/mailbox.c \
	%D%/metadata.c \
	%D%/notify.c \
	%D%/ops.c \
	%D%/read.c \
	%D%/reap.c \
	%D%/saved.c \
	%D%/store.c %D%/store_int.h \
	%D%/upkeep.c \
	%D%/volume.c
libvx_store_la_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
libvx_store_la_LIBADD = $(LMDB_LIBS) -lpthread
