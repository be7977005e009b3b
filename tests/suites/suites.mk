# SPDX-License-Identifier: LGPL-2.1-or-later
# make suites: roots of other Debian releases. make check-suites: builds this tree in each of them, and runs its tests there
# (tests/suites/check.sh). It skips a root that cannot be made, and says so.

SUITES := build/suites
# RELEASE, or RELEASE-KIND as tools/scripts/suites.sh has them. bookworm-i386, of 32 bits, has to be asked for.
SUITE_NAMES ?= bullseye bookworm trixie sid sid-openssl4
# What is made in each, and what of check-preload and of check-programs-few.
SUITE_PARTS ?= check-unit check-tools check-preload check-programs-few
SUITE_FILTER ?=
SUITE_PROGRAMS ?= $(PROGRAMS_FEW)

.PHONY: suites check-suites
suites:
	@status=0; for suite in $(SUITE_NAMES); do \
	    SETUP='$(SETUP)' tools/scripts/suites.sh $(SUITES) $$(echo $$suite | tr - ' ') || status=1; \
	done; exit $$status

check-suites: $(PEERS)/ech_server suites
	@status=0; for suite in $(SUITE_NAMES); do \
	    SUITE_PARTS='$(SUITE_PARTS)' SUITE_FILTER='$(SUITE_FILTER)' SUITE_PROGRAMS='$(SUITE_PROGRAMS)' \
	        tests/suites/check.sh $(SUITES)/$$suite $(PEERS) || status=1; \
	done; exit $$status
