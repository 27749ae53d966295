# SPDX-License-Identifier: GPL-2.0 OR MIT
# Merlon. The targets that a person wants are listed by `make help`.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

include mk/flags.mk
include mk/userspace.mk
include mk/http.mk
include mk/store.mk
-include $(filter-out mk/flags.mk mk/userspace.mk mk/http.mk mk/store.mk,$(wildcard mk/*.mk))

.PHONY: all help clean
all: programs ## build the programs

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | \
		sed -E 's/:.*## /\t/' | sort -u | expand -t 18

clean: ## remove what was built
	rm -rf build
