noinst_LTLIBRARIES += libvx_service.la
libvx_service_la_SOURCES =
