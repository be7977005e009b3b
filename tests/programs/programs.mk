# SPDX-License-Identifier: LGPL-2.1-or-later
# make check-programs: runs real programs of the distribution with and without the shim, and compares. PROGRAMS_FILTER
# selects by name (patterns, separated by blanks). make matrix: all of them, and some in other suites, into docs/programs.md. tools/scripts/setup.sh
# programs installs them; programs that are not installed are skipped.

PROGRAM_TESTS := build/program-tests
PROGRAM_TESTS_SRC := $(wildcard tests/programs/*.c)
PROGRAM_RESULTS := build/programs
PROGRAMS_FILTER ?=
# .ci/run runs these. They are quick, and together they use the two libraries in every way that programs do. Group programs-few of
# setup.sh.
PROGRAMS_FEW := apt aria2 curl git lftp msmtp nginx perl?LWP python3?urllib ruby?net* wget wget2

$(PROGRAM_TESTS): $(PROGRAM_TESTS_SRC) $(WORLD) $(wildcard tests/programs/*.h tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(PRELOAD_CFLAGS) -I. -o $@ $(filter %.c %.a,$^) $(CRITERION_LIBS)

.PHONY: check-programs check-programs-few matrix
check-programs: $(LIBS_BUILT) $(PROGRAM_TESTS) peers
	PROGRAMS_FILTER='$(PROGRAMS_FILTER)' $(PRELOAD_ENV) \
	    tests/run.sh $(AS_ROOT) $(PROGRAM_TESTS) -j$(PRELOAD_JOBS)

check-programs-few:
	$(SETUP) build test programs-few
	$(MAKE) check-programs PROGRAMS_FILTER='$(PROGRAMS_FEW)'

# Suites of the matrix: this machine, and roots of make suites.
MATRIX_SUITES ?= machine bullseye trixie sid sid-openssl4

# A program that breaks or leaks gets into the table too, and fails.
matrix:
	$(SETUP) build test programs
	$(MAKE) $(LIBS_BUILT) $(PROGRAM_TESTS) peers tools
	@status=0; $(PRELOAD_ENV) $(AS_ROOT) tests/programs/matrix.sh $(PROGRAM_RESULTS) $(MATRIX_SUITES) || status=1; \
	tests/programs/table.sh $(PROGRAM_RESULTS) docs/programs.md && tools/scripts/fill-documents && exit $$status
