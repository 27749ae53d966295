# SPDX-License-Identifier: GPL-2.0 OR MIT
# Installing on a real machine, and the Debian packages that do the same.

PREFIX ?= /usr/local
DESTDIR ?=
UNITDIR ?= /lib/systemd/system
MODULE_SOURCE := $(DESTDIR)/usr/src/merlon-$(VERSION)
man_pages := $(wildcard man/*.[158])

.PHONY: install install-programs install-module-source uninstall deb

install: programs install-programs install-module-source ## install programs, units and the module (DKMS)
	dkms add -m merlon -v $(VERSION) 2>/dev/null || true
	dkms build -m merlon -v $(VERSION)
	dkms install --force -m merlon -v $(VERSION)
	systemd-sysusers merlon.conf
	systemd-tmpfiles --create merlon.conf || true
	! [ -d /run/systemd/system ] || systemctl daemon-reload
	@echo "Installed. Next: merlon adopt wg0, or see README.md."

install-programs: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(UNITDIR) $(DESTDIR)/usr/lib/merlon \
		$(DESTDIR)/usr/lib/sysusers.d $(DESTDIR)/usr/lib/tmpfiles.d \
		$(DESTDIR)/lib/modprobe.d \
		$(DESTDIR)/usr/share/bash-completion/completions
	install -m 755 $(O)/merlon $(DESTDIR)$(PREFIX)/bin/merlon
	install -m 755 $(O)/merlond $(DESTDIR)$(PREFIX)/sbin/merlond
	sed 's|/usr/sbin/merlond|$(PREFIX)/sbin/merlond|' packaging/systemd/merlond.service \
		>$(DESTDIR)$(UNITDIR)/merlond.service
	sed 's|/usr/bin/merlon|$(PREFIX)/bin/merlon|' packaging/libexec/load-wireguard \
		>$(DESTDIR)/usr/lib/merlon/load-wireguard
	chmod 755 $(DESTDIR)/usr/lib/merlon/load-wireguard
	install -m 644 packaging/systemd/merlon.sysusers $(DESTDIR)/usr/lib/sysusers.d/merlon.conf
	install -m 644 packaging/systemd/merlon.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/merlon.conf
	install -m 644 packaging/modprobe.d/merlon.conf $(DESTDIR)/lib/modprobe.d/merlon.conf
	install -m 644 completion/merlon.bash \
		$(DESTDIR)/usr/share/bash-completion/completions/merlon
	for page in $(man_pages); do \
		install -D -m 644 $$page \
			$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done

install-module-source:
	install -D -m 755 packaging/libexec/refuse-while-armed \
		$(DESTDIR)/usr/lib/merlon/refuse-while-armed
	install -d $(MODULE_SOURCE)
	cp -a kmod/. $(MODULE_SOURCE)/
	install -d $(MODULE_SOURCE)/uapi
	cp -a uapi/. $(MODULE_SOURCE)/uapi/
	sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="$(VERSION)"/' $(MODULE_SOURCE)/dkms.conf

uninstall: ## take out what install put in (refused while armed)
	packaging/libexec/refuse-while-armed
	dkms remove -m merlon -v $(VERSION) --all
	rm -rf $(MODULE_SOURCE) $(DESTDIR)/usr/lib/merlon
	rm -f $(DESTDIR)$(PREFIX)/bin/merlon $(DESTDIR)$(PREFIX)/sbin/merlond \
		$(DESTDIR)$(UNITDIR)/merlond.service \
		$(DESTDIR)/usr/lib/sysusers.d/merlon.conf \
		$(DESTDIR)/usr/lib/tmpfiles.d/merlon.conf \
		$(DESTDIR)/lib/modprobe.d/merlon.conf \
		$(DESTDIR)/usr/share/bash-completion/completions/merlon
	for page in $(man_pages); do \
		rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done

deb: ## Debian packages merlon and merlon-dkms, in build/deb
	@scripts/build-deb
