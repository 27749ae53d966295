# SPDX-License-Identifier: GPL-2.0 OR MIT
# Guests, the module for their kernels, and the tests that run in them.

KERNEL ?= 6.12

.PHONY: vm-shell test test-short test-long mutants kmod kmod-6.1 kmod-6.12
vm-shell: ## a root shell in a guest (KERNEL=6.1 for the other kernel)
	@selftests/vm/run --kernel $(KERNEL)

test: ## every test, on both kernels; ends with "N passed, N failed"
	@selftests/run-all

test-short: ## the tests that need no guest
	@selftests/run-all --short

test-long: ## every test, with the long versions of those that have one
	@selftests/run-all --long

mutants: ## take walls away, one by one: does a test notice?
	@scripts/mutants $(MUTANTS)

kmod: kmod-6.1 kmod-6.12 ## merlon.ko for both kernels, in build/kmod
kmod-6.1 kmod-6.12: kmod-%:
	@scripts/build-kmod $* $(KMOD_ARGS)
