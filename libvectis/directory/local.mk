noinst_LTLIBRARIES += libvx_directory.la
libvx_directory_la_SOURCES =
