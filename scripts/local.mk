# What a compiler does not see: layers, size, banned functions, exports, manual pages.
dist_check_SCRIPTS += scripts/check-banned scripts/check-checks scripts/check-dist \
	scripts/check-headers scripts/check-layers scripts/check-make scripts/check-man \
	scripts/check-size scripts/check-symbols
EXTRA_DIST += scripts/layers scripts/packages scripts/size-allowed
TESTS += $(dist_check_SCRIPTS)

# For scripts/check-dist: the names as make knows them, one a line.
list-dist:
	@printf '%s\n' $(DISTFILES) | sed 's,^$(srcdir)/,,'
.PHONY: list-dist
