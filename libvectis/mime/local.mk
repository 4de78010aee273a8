noinst_LTLIBRARIES += libvx_mime.la
libvx_mime_la_SOURCES =
libvx_mime_la_CFLAGS = $(AM_CFLAGS) $(IDN2_CFLAGS)
libvx_mime_la_LIBADD = $(IDN2_LIBS) $(UNISTRING_LIBS)
