check_PROGRAMS += check_mime
TESTS += check_mime
check_mime_SOURCES = \
	%D%/check_mime.c \
	%D%/show.c \
	%D%/show.h \
	%D%/test_address.c \
	%D%/test_bounds.c \
	%D%/test_date.c \
	%D%/test_downgrade.c \
	%D%/test_dsn.c \
	%D%/test_encoder.c \
	%D%/test_footer.c \
	%D%/test_header.c \
	%D%/test_message.c \
	%D%/test_plain.c \
	%D%/test_sevenbit.c \
	%D%/test_structure.c \
	%D%/test_subject.c \
	%D%/test_text.c \
	%D%/test_xtext.c
check_mime_CPPFLAGS = $(test_cppflags)
check_mime_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_mime_LDADD = libvxt.la libvx_mime.la libvx_base.la $(CHECK_LIBS)
EXTRA_DIST += tests/data
