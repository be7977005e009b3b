# SPDX-License-Identifier: LGPL-2.1-or-later
# make suites: roots of other Debian releases, with the shim built in each. make interop: programs of this machine and of those
# roots under the shim, against real servers; writes docs/interop.md. In the roots it also runs the tests of check-preload that
# hold for every version of the libraries, and with OpenSSL 4 those of make check-openssl4. It skips a root that cannot be made, and
# says so.

INTEROP := build/interop-tests
INTEROP_RESULTS := build/interop
INTEROP_SRC := $(wildcard tests/interop/*.c)
INTEROP_DOC := docs/interop.md

$(INTEROP): $(INTEROP_SRC) $(WORLD) $(wildcard tests/interop/*.h tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	$(CC) $(PRELOAD_CFLAGS) -I. -o $@ $(filter %.c %.a,$^) $(CRITERION_LIBS)

.PHONY: interop
interop: $(LIBS_BUILT) $(INTEROP) $(PRELOAD_TESTS) peers suites
	@AS_ROOT='$(AS_ROOT)' tests/interop/interop.sh $(INTEROP) $(PRELOAD_TESTS) $(abspath $(BUILD)/libechshim.so) $(SUITES) \
	    $(INTEROP_RESULTS) $(INTEROP_DOC)
	@tools/scripts/fill-documents
	@$(MAKE) --no-print-directory check-openssl4 OPENSSL4_FILTER='$(OPENSSL4_SHORT)'
