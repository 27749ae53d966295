# SPDX-License-Identifier: GPL-2.0 OR MIT

.PHONY: demo demo-mesh
demo: ## see it happen: a machine, a network, a signed policy
	@demo/run

demo-mesh: ## see it happen: five machines enrol, and enforce; their server is killed, and lies
	@demo/run --scene mesh
