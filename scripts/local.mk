# What a compiler does not see: layers, size, banned functions, exports, manual pages.
dist_check_SCRIPTS = scripts/check-banned scripts/check-layers scripts/check-size \
	scripts/check-symbols
EXTRA_DIST += scripts/layers scripts/size-allowed scripts/check-man
TESTS += $(dist_check_SCRIPTS)
