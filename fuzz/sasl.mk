fuzz_targets += fuzz_sasl
fuzz_sasl_SOURCES = %D%/fuzz_sasl.c
fuzz_sasl_CPPFLAGS = $(fuzz_cppflags)
fuzz_sasl_LDFLAGS = $(fuzz_ldflags)
fuzz_sasl_LDADD = $(fuzz_main) libvx_sasl.la libvx_crypto.la libvx_base.la
