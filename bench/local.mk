# Programs that measure; `make bench` builds and runs them, each prints rows of
# name, value, unit, and the ratio to what the machine could do at that moment.
bench_programs = bench_store
EXTRA_PROGRAMS += $(bench_programs)

bench_store_SOURCES = %D%/bench_store.c
bench_store_CPPFLAGS = $(test_cppflags)
bench_store_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
bench_store_LDADD = libvx_store.la libvx_mime.la libvx_base.la $(LMDB_LIBS)

bench: $(bench_programs)
	@for p in $(bench_programs); do ./$$p || exit 1; done
.PHONY: bench
