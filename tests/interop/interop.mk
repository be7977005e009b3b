# SPDX-License-Identifier: LGPL-2.1-or-later
# make interop: programs of this machine and of Debian 13 under the shim, against real servers; writes docs/interop.md. The shim for
# Debian 13 is the one of make check-suites; if that one is older than this machine's, it is built anew. With OpenSSL 4 it also runs
# the tests of make check-openssl4.

INTEROP_SUITES := trixie
INTEROP := build/interop-tests
INTEROP_RESULTS := build/interop
INTEROP_SRC := $(wildcard tests/interop/*.c)
INTEROP_DOC := docs/interop.md

$(INTEROP): $(INTEROP_SRC) $(WORLD) $(wildcard tests/interop/*.h tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	$(CC) $(PRELOAD_CFLAGS) -I. -o $@ $(filter %.c %.a,$^) $(CRITERION_LIBS)

.PHONY: interop
interop: $(LIBS_BUILT) $(INTEROP) peers
	@$(MAKE) --no-print-directory suites SUITE_NAMES='$(INTEROP_SUITES) sid-openssl4'
	@for suite in $(INTEROP_SUITES); do \
	    [ $(SUITES)/$$suite-build/tree/build/libechshim.so -nt $(BUILD)/libechshim.so ] || \
	        $(MAKE) --no-print-directory check-suites SUITE_NAMES=$$suite SUITE_PARTS= || exit 1; \
	done
	@AS_ROOT='$(AS_ROOT)' tests/interop/interop.sh $(INTEROP) $(abspath $(BUILD)/libechshim.so) $(SUITES) \
	    $(INTEROP_RESULTS) $(INTEROP_DOC) $(INTEROP_SUITES)
	@tools/scripts/fill-documents
	@$(MAKE) --no-print-directory check-openssl4 OPENSSL4_FILTER='$(OPENSSL4_SHORT)'
