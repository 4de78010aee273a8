fuzz_targets += fuzz_mime_subject
fuzz_mime_subject_SOURCES = %D%/fuzz_mime_subject.c
fuzz_mime_subject_CPPFLAGS = $(fuzz_cppflags)
fuzz_mime_subject_LDFLAGS = $(fuzz_ldflags)
fuzz_mime_subject_LDADD = $(fuzz_main) libvx_mime.la libvx_base.la
