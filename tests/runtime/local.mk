check_PROGRAMS += check_runtime
TESTS += check_runtime
check_runtime_SOURCES = \
	%D%/check_runtime.c \
	%D%/test_children.c \
	%D%/test_direct.c \
	%D%/test_fetch_wire.c \
	%D%/test_old_clients.c \
	%D%/test_resolver.c
check_runtime_CPPFLAGS = $(test_cppflags)
check_runtime_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(UV_CFLAGS)
check_runtime_LDADD = libvxt.la libvx_runtime.la libvectis.la libvx_base.la $(CHECK_LIBS) $(UV_LIBS)
# One request, for tests/daemons/test_fetch.py.
check_PROGRAMS += fetch_tool
fetch_tool_SOURCES = %D%/fetch_tool.c
fetch_tool_CPPFLAGS = $(test_cppflags)
fetch_tool_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
fetch_tool_LDADD = libvx_fetch.la libvx_runtime.la libvectis.la $(UV_LIBS)
