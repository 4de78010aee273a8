sbin_PROGRAMS += vectisctl/vectisctl
vectisctl_vectisctl_SOURCES = %D%/cmd_config.c %D%/cmd_directory.c %D%/cmd_export.c %D%/cmd_search.c %D%/cmd_store.c %D%/ctl.h \
	%D%/main.c
vectisctl_vectisctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
vectisctl_vectisctl_LDADD = libvectis.la $(JANSSON_LIBS)
