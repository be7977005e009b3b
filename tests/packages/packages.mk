# SPDX-License-Identifier: LGPL-2.1-or-later
# make packages: builds Debian packages of this tree for each release in PACKAGE_SUITES, and tries them in roots of that
# release; then writes the table of docs/packages.md. make check-packages SUITE=...: one release, and no table. On amd64 also
# the packages for i386, side by side with the others.

PACKAGE_SUITES := bookworm trixie
# RELEASE:ARCHITECTURE
PACKAGE_OTHERS := $(if $(filter x86_64,$(shell uname -m)),bookworm:i386 trixie:i386)
PACKAGES := build/packages
PACKAGES_DOC := docs/packages.md

.PHONY: packages check-packages
packages:
	@status=0; for one in $(PACKAGE_SUITES) $(PACKAGE_OTHERS); do \
	    architecture=$${one#*:}; \
	    [ "$$architecture" != "$$one" ] || architecture=; \
	    $(MAKE) --no-print-directory check-packages SUITE=$${one%:*} ARCHITECTURE=$$architecture || status=1; \
	done; exit $$status
	tests/packages/write-doc.sh $(PACKAGES_DOC) $(addprefix $(PACKAGES)/,$(addsuffix /sizes,$(PACKAGE_SUITES) $(subst :,-,$(PACKAGE_OTHERS))))

check-packages: SUITE ?= bookworm
check-packages:
	@$(SETUP) suites
	tests/packages/packages.sh $(SUITES) $(SUITE) $(PACKAGES) $(ARCHITECTURE)
