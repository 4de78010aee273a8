check_PROGRAMS += check_http
TESTS += check_http
check_http_SOURCES = %D%/check_http.c %D%/test_server.c
check_http_CPPFLAGS = $(test_cppflags)
check_http_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_http_LDADD = libvxt.la libvx_http.la libvx_mime.la libvx_base.la $(CHECK_LIBS)
