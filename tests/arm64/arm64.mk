# SPDX-License-Identifier: LGPL-2.1-or-later
# make check-arm64: builds for arm64 on a machine that is none, in a root of Debian 12 with packages of both architectures, and runs
# unit tests and programs there by qemu-user. make check-arm64-packages SUITE=...: the same for the Debian packages, of that release.
# ARM64_PARTS, ARM64_UNIT and ARM64_PRELOAD select (tests/arm64/arm64.sh).

ARM64_BUILD := build/arm64
ARM64_PARTS ?= build unit programs

.PHONY: check-arm64 check-arm64-packages
check-arm64: $(PRELOAD_TESTS) peers
	@$(SETUP) suites
	ARM64_PARTS='$(ARM64_PARTS)' JOBS=$(JOBS) tests/arm64/arm64.sh $(SUITES) $(ARM64_BUILD)

check-arm64-packages: SUITE ?= bookworm
check-arm64-packages:
	@$(SETUP) suites
	ARM64_PARTS=packages JOBS=$(JOBS) tests/arm64/arm64.sh $(SUITES) $(ARM64_BUILD) $(SUITE)
