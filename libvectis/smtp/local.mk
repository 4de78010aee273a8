noinst_LTLIBRARIES += libvx_smtp.la
libvx_smtp_la_SOURCES =
