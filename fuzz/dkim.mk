fuzz_dkim_libs = $(fuzz_main) libvx_mailauth.la libvx_dns.la libvx_mime.la libvx_crypto.la \
	libvx_base.la
fuzz_targets += fuzz_dkim
fuzz_dkim_SOURCES = %D%/fuzz_dkim.c %D%/dkim_input.c %D%/dkim_input.h
fuzz_dkim_CPPFLAGS = $(fuzz_cppflags)
fuzz_dkim_LDFLAGS = $(fuzz_ldflags)
fuzz_dkim_LDADD = $(fuzz_dkim_libs)
fuzz_targets += fuzz_arc
fuzz_arc_SOURCES = %D%/fuzz_arc.c %D%/dkim_input.c %D%/dkim_input.h
fuzz_arc_CPPFLAGS = $(fuzz_cppflags)
fuzz_arc_LDFLAGS = $(fuzz_ldflags)
fuzz_arc_LDADD = $(fuzz_dkim_libs)
