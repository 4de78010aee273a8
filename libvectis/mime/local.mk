noinst_LTLIBRARIES += libvx_mime.la
libvx_mime_la_SOURCES = \
	%D%/address.c \
	%D%/casemap.c %D%/casemap.h \
	%D%/cfws.h \
	%D%/date.c \
	%D%/describe.c \
	%D%/descriptor.c \
	%D%/downgrade.c \
	%D%/dsn.c %D%/dsn_read.c \
	%D%/encoder.c \
	%D%/fields.c %D%/fields.h \
	%D%/header.c \
	%D%/layout.h \
	%D%/plain.c %D%/safe.c %D%/safe.h %D%/sevenbit.c \
	%D%/subject.c %D%/subject.h \
	%D%/text.c %D%/transfer.c %D%/transfer.h %D%/xtext.c
libvx_mime_la_CFLAGS = $(AM_CFLAGS) $(IDN2_CFLAGS)
libvx_mime_la_LIBADD = $(IDN2_LIBS) $(UNISTRING_LIBS)
libvx_mime_la_SOURCES += %D%/footer.c
