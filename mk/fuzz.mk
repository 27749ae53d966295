# SPDX-License-Identifier: GPL-2.0 OR MIT

FUZZ_SECONDS ?= 600

.PHONY: fuzz
fuzz: ## every fuzzer for FUZZ_SECONDS (600)
	@scripts/fuzz $(FUZZ_SECONDS)
