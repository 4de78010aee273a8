vxlibexec_PROGRAMS += acmed/acmed
acmed_acmed_SOURCES = %D%/dane.c %D%/dane.h %D%/desk.c %D%/desk.h %D%/events.c %D%/events.h \
	%D%/issuer.c %D%/issuer.h %D%/keeper.c %D%/keeper.h %D%/look.c %D%/look.h %D%/main.c \
	%D%/probe.c %D%/probe.h %D%/proofs.c %D%/proofs.h %D%/provider.c %D%/provider.h \
	%D%/prover.c %D%/prover.h %D%/records.c %D%/records.h %D%/served.c %D%/served.h \
	%D%/sources.c %D%/sources.h %D%/web.c %D%/web.h
acmed_acmed_LDADD = libvx_fetch.la libvx_runtime.la libvectis.la
