noinst_LTLIBRARIES += libvx_queue.la
libvx_queue_la_SOURCES = %D%/change.c %D%/read.c %D%/record.c %D%/record.h \
	%D%/relay.c %D%/relay.h
libvx_queue_la_SOURCES += %D%/bounce.c
libvx_queue_la_SOURCES += %D%/sts_cache.c
