fuzz_targets += fuzz_directory
fuzz_directory_SOURCES = %D%/fuzz_directory.c
fuzz_directory_CPPFLAGS = $(fuzz_cppflags)
fuzz_directory_LDFLAGS = $(fuzz_ldflags)
fuzz_directory_LDADD = $(fuzz_main) libvx_directory.la libvx_store.la libvx_mime.la \
	libvx_crypto.la libvx_base.la
