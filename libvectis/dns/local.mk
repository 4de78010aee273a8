noinst_LTLIBRARIES += libvx_dns.la
libvx_dns_la_SOURCES = \
	%D%/caa.c \
	%D%/cache.c \
	%D%/dnsbl.c \
	%D%/message.c \
	%D%/name.c \
	%D%/ownership.c \
	%D%/record.c \
	%D%/server.c
