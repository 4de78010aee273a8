fuzz_targets += fuzz_zip
fuzz_zip_SOURCES = %D%/fuzz_zip.c
fuzz_zip_CPPFLAGS = $(fuzz_cppflags)
fuzz_zip_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
fuzz_zip_LDFLAGS = $(fuzz_ldflags)
fuzz_zip_LDADD = $(fuzz_main) libvx_zip.la libvx_base.la $(ZLIB_LIBS)
