noinst_LTLIBRARIES += libvx_store.la
libvx_store_la_SOURCES = %D%/kv.h
libvx_store_la_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
libvx_store_la_LIBADD = $(LMDB_LIBS) -lpthread
