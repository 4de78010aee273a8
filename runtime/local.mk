# The event loop, connections, workers, sandbox: for the daemons, not exported.
noinst_LTLIBRARIES += libvx_runtime.la
libvx_runtime_la_SOURCES =
libvx_runtime_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(SECCOMP_CFLAGS)
libvx_runtime_la_LIBADD = libvectis.la $(UV_LIBS) $(SECCOMP_LIBS)
