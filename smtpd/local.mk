vxlibexec_PROGRAMS += smtpd/smtpd
smtpd_smtpd_SOURCES = %D%/main.c %D%/receive.c %D%/receive.h %D%/reports.c %D%/reports.h
smtpd_smtpd_LDADD = libvx_fetch.la libvx_runtime.la libvectis.la
