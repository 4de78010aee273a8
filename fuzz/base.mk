fuzz_targets += fuzz_encode
fuzz_encode_SOURCES = %D%/fuzz_encode.c
fuzz_encode_CPPFLAGS = $(fuzz_cppflags)
fuzz_encode_LDFLAGS = $(fuzz_ldflags)
fuzz_encode_LDADD = $(fuzz_main) libvx_base.la
