# The event loop, connections, workers: for the daemons, not exported.
noinst_LTLIBRARIES += libvx_runtime.la
libvx_runtime_la_SOURCES = \
	%D%/children.c \
	%D%/children.h \
	%D%/conn.c \
	%D%/daemon.c \
	%D%/direct.c \
	%D%/direct.h \
	%D%/events.c \
	%D%/events.h \
	%D%/fetch_away.c \
	%D%/fetch_away.h \
	%D%/fetch_wire.c \
	%D%/fetch_wire.h \
	%D%/old_clients.c \
	%D%/old_clients.h \
	%D%/publish.c \
	%D%/publish.h \
	%D%/resolver.c \
	%D%/resolver.h \
	%D%/runtime.h \
	%D%/sandbox.c \
	%D%/sandbox.h \
	%D%/work.c \
	%D%/worker.c \
	%D%/worker.h
libvx_runtime_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(SECCOMP_CFLAGS)
libvx_runtime_la_LIBADD = libvectis.la $(UNBOUND_LIBS) $(UV_LIBS) $(SECCOMP_LIBS) -lpthread
# What speaks HTTP with others, and brings libcurl with it.
noinst_LTLIBRARIES += libvx_fetch.la
libvx_fetch_la_SOURCES = \
	%D%/fetch.c \
	%D%/fetch.h \
	%D%/fetch_daemon.c \
	%D%/once.c \
	%D%/once.h
libvx_fetch_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS)
libvx_fetch_la_LIBADD = libvx_runtime.la $(CURL_LIBS)
