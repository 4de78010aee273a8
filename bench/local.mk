# Programs that measure; `make bench` builds and runs them, each prints rows of
# name, value, unit, and the ratio to what the machine could do at that moment.
EXTRA_PROGRAMS += bench_store bench_search bench_session bench_load bench_thread bench_mailauth
EXTRA_DIST += %D%/bench_mail.py

bench_store_SOURCES = %D%/bench_store.c
bench_store_CPPFLAGS = $(test_cppflags)
bench_store_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
bench_store_LDADD = libvx_store.la libvx_mime.la libvx_base.la $(LMDB_LIBS)

bench_search_SOURCES = %D%/bench_search.c
bench_search_CPPFLAGS = $(test_cppflags)
bench_search_LDADD = libvx_store.la libvx_mime.la libvx_base.la $(LMDB_LIBS) -lpthread

bench_session_SOURCES = %D%/bench_session.c
bench_session_CPPFLAGS = $(test_cppflags)
bench_session_LDADD = $(libvectis_la_LIBADD) $(LMDB_LIBS) $(GNUTLS_LIBS) -lpthread

bench_load_SOURCES = %D%/load.c
bench_load_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
bench_load_LDADD = $(GNUTLS_LIBS) -lpthread

bench_thread_SOURCES = %D%/bench_thread.c
bench_thread_CPPFLAGS = $(test_cppflags)
bench_thread_LDADD = libvx_imap.la libvx_mime.la libvx_base.la

bench_mailauth_SOURCES = %D%/bench_mailauth.c
bench_mailauth_CPPFLAGS = $(test_cppflags)
bench_mailauth_LDADD = libvx_mailauth.la libvx_dns.la libvx_mime.la libvx_crypto.la libvx_base.la

bench: all bench_store bench_search bench_session bench_load bench_thread bench_mailauth
	./bench_store
	./bench_search
	./bench_session
	./bench_thread
	./bench_mailauth
	python3 $(srcdir)/bench/bench_mail.py .
.PHONY: bench
