vxlibexec_PROGRAMS += pop3d/pop3d
pop3d_pop3d_SOURCES = %D%/main.c
pop3d_pop3d_LDADD = libvx_runtime.la libvectis.la
