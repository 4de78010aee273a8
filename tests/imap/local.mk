check_PROGRAMS += check_imap
TESTS += check_imap
check_imap_SOURCES = %D%/check_imap.c %D%/show.c %D%/show.h %D%/test_fetch.c \
	%D%/test_frame.c %D%/test_names.c %D%/test_notify.c %D%/test_parse.c %D%/test_respond.c \
	%D%/test_search.c %D%/test_select.c %D%/test_sort.c %D%/test_thread.c %D%/test_url.c
check_imap_CPPFLAGS = $(test_cppflags)
check_imap_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_imap_LDADD = libvxt.la libvx_imap.la libvx_mime.la libvx_base.la $(CHECK_LIBS)
EXTRA_DIST += tests/data/imap
