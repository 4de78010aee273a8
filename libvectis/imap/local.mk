noinst_LTLIBRARIES += libvx_imap.la
libvx_imap_la_SOURCES =
