fuzz_targets += fuzz_store fuzz_search
fuzz_store_SOURCES = %D%/fuzz_store.c
fuzz_store_CPPFLAGS = $(fuzz_cppflags)
fuzz_store_LDFLAGS = $(fuzz_ldflags)
fuzz_store_LDADD = $(fuzz_main) libvx_store.la libvx_mime.la libvx_base.la

fuzz_search_SOURCES = %D%/fuzz_search.c
fuzz_search_CPPFLAGS = $(fuzz_cppflags)
fuzz_search_LDFLAGS = $(fuzz_ldflags)
fuzz_search_LDADD = $(fuzz_main) libvx_store.la libvx_mime.la libvx_base.la
