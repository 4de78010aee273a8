check_PROGRAMS += check_base
TESTS += check_base
check_base_SOURCES = \
	%D%/check_base.c \
	%D%/test_arena.c \
	%D%/test_buf.c \
	%D%/test_cursor.c \
	%D%/test_encode.c \
	%D%/test_err.c \
	%D%/test_fs.c \
	%D%/test_hold.c \
	%D%/test_log.c \
	%D%/test_map.c \
	%D%/test_mem.c \
	%D%/test_network.c \
	%D%/test_order.c \
	%D%/test_redact.c \
	%D%/test_slice.c
check_base_CPPFLAGS = $(test_cppflags)
check_base_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_base_LDADD = libvxt.la libvx_base.la $(CHECK_LIBS)
