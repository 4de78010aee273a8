vxlibexec_PROGRAMS += imapd/imapd
imapd_imapd_SOURCES = %D%/main.c
imapd_imapd_LDADD = libvx_runtime.la libvectis.la
