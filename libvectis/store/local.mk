noinst_LTLIBRARIES += libvx_store.la
libvx_store_la_SOURCES = \
	%D%/account.h \
	%D%/acl.c \
	%D%/all.c %D%/all.h \
	%D%/backup.c %D%/backup_mark.c %D%/backup_mark.h \
	%D%/blob.c \
	%D%/box.c %D%/box.h \
	%D%/check.c \
	%D%/event.c %D%/greylist.c \
	%D%/collect.c \
	%D%/commit.c \
	%D%/guard.c %D%/guard.h \
	%D%/keys.c %D%/keys.h \
	%D%/kv.c %D%/kv.h \
	%D%/lists.c %D%/lists.h \
	%D%/mailbox.c \
	%D%/metadata.c \
	%D%/notify.c \
	%D%/ops.c \
	%D%/probe.c \
	%D%/read.c \
	%D%/reap.c \
	%D%/repair.c %D%/repair.h \
	%D%/repair_boxes.c \
	%D%/salvage.c \
	%D%/saved.c \
	%D%/side.c \
	%D%/search_ask.c \
	%D%/search_build.c \
	%D%/search_doc.c \
	%D%/search_env.c \
	%D%/search_format.c %D%/search_format.h \
	%D%/search_guard.c \
	%D%/search_index.c %D%/search_int.h \
	%D%/search_merge.c \
	%D%/search_status.c \
	%D%/search_terms.c %D%/search_terms.h \
	%D%/store.c %D%/store_int.h \
	%D%/upkeep.c \
	%D%/volume.c
libvx_store_la_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
libvx_store_la_LIBADD = $(LMDB_LIBS) -lpthread
