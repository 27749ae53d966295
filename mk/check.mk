# SPDX-License-Identifier: GPL-2.0 OR MIT

.PHONY: check layering
check: ## static checks: layering, sparse, checkpatch, coccicheck, clang-tidy, …
	@scripts/check

layering: ## who may include whom
	@scripts/layering
