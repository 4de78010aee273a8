noinst_LTLIBRARIES += libvx_auth.la
libvx_auth_la_SOURCES =
