noinst_LTLIBRARIES += libvx_config.la
libvx_config_la_SOURCES =
libvx_config_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
libvx_config_la_LIBADD = $(YAML_LIBS)
