# Programs for those who embed the library: built as they would, and run.
EXTRA_DIST += %D%/embed.c
dist_check_SCRIPTS += %D%/check-embed

# For check-embed: the compiler, and what the library was built with (sanitizers).
example-flags:
	@echo "CC='$(CC)' FLAGS='$(CFLAGS) $(VX_LDFLAGS)'"
.PHONY: example-flags
