# SPDX-License-Identifier: GPL-2.0 OR MIT

.PHONY: demo
demo: ## see it happen: a machine, a network, a signed policy
	@demo/run
