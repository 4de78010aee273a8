fuzz_targets += fuzz_http_server
fuzz_http_server_SOURCES = %D%/fuzz_http_server.c
fuzz_http_server_CPPFLAGS = $(fuzz_cppflags)
fuzz_http_server_LDFLAGS = $(fuzz_ldflags)
fuzz_http_server_LDADD = $(fuzz_main) libvx_http.la libvx_mime.la libvx_base.la
