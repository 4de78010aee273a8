noinst_LTLIBRARIES += libvx_pop3.la
libvx_pop3_la_SOURCES =
