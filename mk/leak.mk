# SPDX-License-Identifier: GPL-2.0 OR MIT
# Every way out, tried. LEAK_ARGS is for selftests/leak/run: --rows 1,28 …

.PHONY: leak-test
leak-test: ## every way out, tried on both kernels: a table, and docs/leaks.md
	@selftests/leak/run $(LEAK_ARGS)
