# SPDX-License-Identifier: LGPL-2.1-or-later
# make packages: Debian packages of this tree, for each release in PACKAGE_SUITES, tried in roots of these; then the table of
# docs/packages.md. make check-packages SUITE=...: one release, and no table.

PACKAGE_SUITES := bookworm trixie
PACKAGES := build/packages
PACKAGES_DOC := docs/packages.md

.PHONY: packages check-packages
packages:
	@status=0; for suite in $(PACKAGE_SUITES); do $(MAKE) --no-print-directory check-packages SUITE=$$suite || status=1; done; exit $$status
	tests/packages/write-doc.sh $(PACKAGES_DOC) $(addprefix $(PACKAGES)/,$(addsuffix /sizes,$(PACKAGE_SUITES)))
	@tools/fill-readme

check-packages: SUITE ?= bookworm
check-packages:
	@$(SETUP) suites
	tests/packages/packages.sh $(SUITES) $(SUITE) $(PACKAGES)
