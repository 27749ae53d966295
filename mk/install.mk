# SPDX-License-Identifier: GPL-2.0 OR MIT
# Installing on a real machine, and the Debian packages that do the same. With
# DESTDIR files are only laid out: nothing is built for a kernel or asked.

PREFIX ?= /usr/local
DESTDIR ?=
UNITDIR ?= /lib/systemd/system
BASHDIR ?= /usr/share/bash-completion/completions
ZSHDIR ?= /usr/share/zsh/vendor-completions
FISHDIR ?= /usr/share/fish/vendor_completions.d

bindir := $(DESTDIR)$(PREFIX)/bin
sbindir := $(DESTDIR)$(PREFIX)/sbin
mandir := $(DESTDIR)$(PREFIX)/share/man
libexecdir := $(DESTDIR)/usr/lib/merlon
initramfs := $(DESTDIR)/usr/share/initramfs-tools
module_source := $(DESTDIR)/usr/src/merlon-$(VERSION)
# Those of the server are in its own package.
man_pages := $(filter-out man/merlon-control.8 man/merlon-signer.8,$(wildcard man/*.[158]))
# As the packages have them; elsewhere PREFIX goes in.
relocate := sed -e 's|/usr/sbin/merlon\([d-]\)|$(PREFIX)/sbin/merlon\1|' \
	-e 's|/usr/bin/merlon$$|$(PREFIX)/bin/merlon|'

.PHONY: install install-programs install-control install-module-source install-here uninstall deb

install: install-programs install-module-source $(if $(DESTDIR),,install-here) ## programs, units, module (DKMS)

# ORDER: of a module that is installed already, DKMS forgets the build first.
# One that is loaded stays as it is.
install-here: install-programs install-module-source
	dkms remove -m merlon -v $(VERSION) --all >/dev/null 2>&1 || true
	dkms install --force -m merlon -v $(VERSION)
	systemd-sysusers merlon.conf
	systemd-tmpfiles --create merlon.conf
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
	@echo "Installed. Next: merlon adopt wg0, or see README.md."

install-programs: programs
	install -d $(bindir) $(sbindir) $(libexecdir) $(DESTDIR)$(UNITDIR)
	install -m 755 $(O)/merlon $(bindir)/merlon
	install -m 755 $(O)/merlond $(sbindir)/merlond
	install -m 755 $(O)/merlon-shield $(O)/merlon-watch $(sbindir)
	$(relocate) packaging/systemd/merlond.service >$(DESTDIR)$(UNITDIR)/merlond.service
	$(relocate) packaging/systemd/merlon-watch.service >$(DESTDIR)$(UNITDIR)/merlon-watch.service
	$(relocate) packaging/libexec/boot.sh >$(libexecdir)/boot.sh
	install -m 755 packaging/libexec/load-wireguard packaging/libexec/hold $(libexecdir)
	install -m 644 packaging/libexec/closed.nft $(libexecdir)/closed.nft
	install -m 644 packaging/systemd/merlon-hold.service \
		packaging/systemd/merlon-hold-early.service $(DESTDIR)$(UNITDIR)
	chmod 644 $(DESTDIR)$(UNITDIR)/{merlond,merlon-watch}.service $(libexecdir)/boot.sh
	install -D -m 755 packaging/initramfs/hook $(initramfs)/hooks/merlon
	install -D -m 755 packaging/initramfs/init-top $(initramfs)/scripts/init-top/merlon
	install -D -m 755 packaging/initramfs/init-bottom $(initramfs)/scripts/init-bottom/merlon
	install -D -m 644 packaging/systemd/merlon.sysusers $(DESTDIR)/usr/lib/sysusers.d/merlon.conf
	install -D -m 644 packaging/systemd/merlon.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/merlon.conf
	install -D -m 644 packaging/modprobe.d/merlon.conf $(DESTDIR)/lib/modprobe.d/merlon.conf
	install -D -m 644 completion/merlon.bash $(DESTDIR)$(BASHDIR)/merlon
	install -D -m 644 completion/merlon.zsh $(DESTDIR)$(ZSHDIR)/_merlon
	install -D -m 644 completion/merlon.fish $(DESTDIR)$(FISHDIR)/merlon.fish
	for page in $(man_pages); do \
		install -D -m 644 $$page $(mandir)/man$${page##*.}/$${page##*/} || exit; \
	done

# The server and its signer, which may be on different machines.
install-control: $(O)/merlon-control $(O)/merlon-signer
	install -d $(sbindir) $(DESTDIR)$(UNITDIR)
	install -m 755 $(O)/merlon-control $(O)/merlon-signer $(sbindir)
	for unit in merlon-control merlon-control-http1 merlon-signer; do \
		$(relocate) packaging/systemd/$$unit.service >$(DESTDIR)$(UNITDIR)/$$unit.service && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit.service || exit; \
	done
	install -D -m 644 packaging/systemd/merlon-control.sysusers \
		$(DESTDIR)/usr/lib/sysusers.d/merlon-control.conf
	install -D -m 644 packaging/systemd/merlon-control.tmpfiles \
		$(DESTDIR)/usr/lib/tmpfiles.d/merlon-control.conf
	install -D -m 644 packaging/http1/http1.conf $(DESTDIR)/usr/share/merlon-control/http1.conf
	install -D -m 644 man/merlon-control.8 $(mandir)/man8/merlon-control.8
	install -D -m 644 man/merlon-signer.8 $(mandir)/man8/merlon-signer.8

install-module-source:
	install -D -m 755 packaging/libexec/refuse-while-armed $(libexecdir)/refuse-while-armed
	rm -rf $(module_source)
	install -d $(module_source)/uapi
	cp -R kmod/. $(module_source)/
	cp -R uapi/. $(module_source)/uapi/
	sed -i 's/#MODULE_VERSION#/$(VERSION)/' $(module_source)/dkms.conf

uninstall: ## take out what install put in (refused while armed); /etc/merlon and /var/lib/merlon stay
ifeq ($(DESTDIR),)
	packaging/libexec/refuse-while-armed
	[ ! -d /run/systemd/system ] || \
		systemctl disable --now merlond.service merlon-hold.service \
			merlon-hold-early.service merlon-watch.service
	[ ! -d /sys/fs/bpf/merlon-watch ] || merlon-watch detach
	[ ! -d /sys/module/merlon ] || rmmod merlon
	dkms remove -m merlon -v $(VERSION) --all
endif
	rm -rf $(module_source) $(libexecdir)
	rm -f $(bindir)/merlon $(sbindir)/merlond $(sbindir)/merlon-shield $(sbindir)/merlon-watch \
		$(DESTDIR)$(UNITDIR)/{merlond,merlon-hold,merlon-hold-early,merlon-watch}.service \
		$(DESTDIR)/usr/lib/sysusers.d/merlon.conf $(DESTDIR)/usr/lib/tmpfiles.d/merlon.conf \
		$(initramfs)/hooks/merlon $(initramfs)/scripts/init-{top,bottom}/merlon \
		$(DESTDIR)$(UNITDIR)/{merlon-control,merlon-signer}.service \
		$(sbindir)/merlon-control $(sbindir)/merlon-signer \
		$(DESTDIR)/usr/lib/{sysusers,tmpfiles}.d/merlon-control.conf \
		$(mandir)/man8/merlon-{control,signer}.8 \
		$(DESTDIR)/lib/modprobe.d/merlon.conf $(DESTDIR)$(BASHDIR)/merlon \
		$(DESTDIR)$(ZSHDIR)/_merlon $(DESTDIR)$(FISHDIR)/merlon.fish
	for page in $(man_pages); do \
		rm -f $(mandir)/man$${page##*.}/$${page##*/}; \
	done

deb: ## Debian packages merlon and merlon-dkms, in build/deb
	@scripts/build-deb
