noinst_LTLIBRARIES += libvx_config.la
libvx_config_la_SOURCES = \
	%D%/config.c \
	%D%/keys.c \
	%D%/keys.h \
	%D%/secrets.c \
	%D%/set.c \
	%D%/set.h \
	%D%/set_list.c \
	%D%/yaml.c \
	%D%/yaml.h
libvx_config_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
libvx_config_la_LIBADD = $(YAML_LIBS)
