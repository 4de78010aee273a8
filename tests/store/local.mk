check_PROGRAMS += check_store
TESTS += check_store
check_store_SOURCES = \
	%D%/check_store.c \
	%D%/disk.c \
	%D%/disk.h \
	%D%/fixture.c \
	%D%/fixture.h \
	%D%/test_all.c \
	%D%/test_backup.c \
	%D%/test_beside.c \
	%D%/test_collect.c \
	%D%/test_disk.c \
	%D%/test_engine.c \
	%D%/test_event.c \
	%D%/test_greylist.c \
	%D%/test_model.c \
	%D%/test_ops.c \
	%D%/test_probe.c \
	%D%/test_repair.c \
	%D%/test_vanished.c
check_store_CPPFLAGS = $(test_cppflags) -I$(srcdir)/%D%
check_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_store_LDADD = libvxt.la libvx_store.la libvx_mime.la libvx_base.la $(CHECK_LIBS)

check_PROGRAMS += check_search
TESTS += check_search
check_search_SOURCES = \
	%D%/check_search.c \
	%D%/fixture.c \
	%D%/fixture.h \
	%D%/test_search.c
check_search_CPPFLAGS = $(check_store_CPPFLAGS)
check_search_CFLAGS = $(check_store_CFLAGS)
check_search_LDADD = $(check_store_LDADD)
