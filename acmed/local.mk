vxlibexec_PROGRAMS += acmed/acmed
acmed_acmed_SOURCES = %D%/keeper.c %D%/keeper.h %D%/main.c
acmed_acmed_LDADD = libvx_runtime.la libvectis.la
