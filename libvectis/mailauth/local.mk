noinst_LTLIBRARIES += libvx_mailauth.la
libvx_mailauth_la_SOURCES = \
	%D%/spf.c %D%/spf_int.h \
	%D%/spf_answer.c \
	%D%/spf_field.c \
	%D%/spf_macro.c \
	%D%/spf_new.c \
	%D%/spf_term.c \
	%D%/verdict.c
libvx_mailauth_la_SOURCES += %D%/dmarc.c %D%/dmarc_destination.c %D%/dmarc_from.c %D%/dmarc_record.c \
	%D%/dmarc_walk.c %D%/dmarc_walk.h %D%/path.c %D%/path.h
libvx_mailauth_la_SOURCES += %D%/auth_read.c %D%/auth_write.c
libvx_mailauth_la_SOURCES += %D%/reverse.c %D%/srs.c
libvx_mailauth_la_SOURCES += %D%/canon.c %D%/canon.h %D%/dkim_sign.c %D%/dkim_verify.c %D%/fold.c \
	%D%/fold.h %D%/header.c %D%/header.h %D%/lookup.c %D%/lookup.h %D%/sign.c %D%/sign.h \
	%D%/signature.c %D%/signature.h %D%/tags.c %D%/tags.h
libvx_mailauth_la_SOURCES += %D%/arc_seal.c %D%/arc_verify.c %D%/chain.c %D%/chain.h
libvx_mailauth_la_SOURCES += %D%/json.c %D%/json.h %D%/report_name.c %D%/report_read.c \
	%D%/report_tls_read.c %D%/report_tls_write.c %D%/report_write.c \
	%D%/xml.c %D%/xml.h
