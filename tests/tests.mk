# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests and what they need. All tests/unit/test_*.c make one Criterion program, those of tests/preload and tests/faults two others.
# A new file needs no line here.

# All tests. A second make follows setup.sh, because make looks for packages when it reads the Makefile.
CHECK_PARTS ?= check-layers check-conformance check-unit check-faults check-tools check-preload check-install check-counts
.PHONY: check check-build
check:
	$(SETUP) build test
	$(MAKE) --no-print-directory $(PARALLEL) check-build
	+@tests/parts.sh $(MAKE) $(CHECK_PARTS)

.PHONY: check-layers
check-layers: $(LIBS_BUILT) tools
	tools/scripts/check-includes
	tools/scripts/check-circles $(BUILD)
	tools/scripts/check-exports $(BUILD)

# Leaks of Criterion itself do not count. Matters only with SANITIZE=address.
CRITERION_ENV = LSAN_OPTIONS=suppressions=$(abspath tests/unit/lsan.supp)
CRITERION_LIBS = $(shell $(PKG_CONFIG) --libs criterion jansson) $(LIBC_LIBS)
# Fewer warnings than for the tested code, because Criterion's macros do not compile under all of them.
TEST_CFLAGS = -std=gnu11 -g $(OPTIMIZE) -Wall -Wextra $(WERROR) -Wno-missing-field-initializers $(SANFLAGS) -pthread \
              $(shell $(PKG_CONFIG) --cflags $(PKGS) criterion jansson)
$(BUILD)/tests/unit/test_nspr.o: TEST_CFLAGS += $(shell $(PKG_CONFIG) --cflags nss 2>/dev/null)

# The stub without its hooks, which would replace the tests' own functions. An archive, so tests link only what they need.
$(BUILD)/stub.a: $(filter-out $(BUILD)/shim/stub/hooks_%,$(call obj,$(STUB_SRC)))
TESTED := $(BUILD)/stub.a $(ARCHIVES)
UNIT_SRC := $(wildcard tests/unit/*.c)

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

# The stub's memory functions under other names, because the test needs the real ones too.
STUB_MEMORY_NAMES := malloc calloc realloc reallocarray free strdup strndup
$(BUILD)/tests/unit/stub_memory.o: $(BUILD)/shim/stub/hooks_memory.o
	@mkdir -p $(@D)
	$(OBJCOPY) $(foreach name,$(STUB_MEMORY_NAMES),--redefine-sym $(name)=stub_$(name)) $< $@

$(BUILD)/unit-tests: $(BUILD)/tests/unit/stub_memory.o $(call obj,$(UNIT_SRC)) $(BUILD)/relay.a $(BUILD)/supervisor.a $(BUILD)/go.a $(BUILD)/tools.a $(TESTED)
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CONF_LIBS) $(CRITERION_LIBS)

# ---- faults: each allocation of the tested code fails in turn; those of the tests succeed ----
FAULT_NAMES := malloc calloc realloc reallocarray strdup strndup free
FAULT_ARCHIVES := $(patsubst $(BUILD)/%,$(BUILD)/tests/faults/%,$(ARCHIVES))
# The files with which tests make their input.
UNIT_RIG := $(call obj,$(filter-out tests/unit/test_%,$(UNIT_SRC)))
$(BUILD)/tests/unit/rig.a: $(UNIT_RIG)

$(FAULT_ARCHIVES): $(BUILD)/tests/faults/%.a: $(BUILD)/%.a
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) $(foreach name,$(FAULT_NAMES),--redefine-sym $(name)=__wrap_$(name)) $< $@

$(BUILD)/fault-tests: $(call obj,$(wildcard tests/faults/*.c)) $(BUILD)/tests/unit/rig.a $(FAULT_ARCHIVES)
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CONF_LIBS) $(CRITERION_LIBS)

.PHONY: check-faults
check-faults: $(BUILD)/fault-tests
	$(CRITERION_ENV) $(BUILD)/fault-tests

include tests/peers/peers.mk
include tests/preload/clients/clients.mk

# The official build of node, from npm's registry: without it, suite `node` is skipped.
NODE_VERSION ?= 20
NODE_MACHINE := $(patsubst aarch64,arm64,$(patsubst x86_64,x64,$(shell uname -m)))
.PHONY: node
node: build/node/bin/node
build/node/bin/node:
	rm -rf build/node && mkdir -p build/node
	cd build/node && npm pack --silent node-linux-$(NODE_MACHINE)@$(NODE_VERSION)
	tar -xzf build/node/node-linux-*.tgz -C build/node --strip-components=1 package/bin/node
	rm build/node/node-linux-*.tgz

# The files with which tests make a world for a program, and check what happened in it.
WORLD := build/preload/world.a
PRELOAD_CFLAGS = $(PEER_CFLAGS) -Wno-missing-field-initializers $(shell $(PKG_CONFIG) --cflags criterion jansson)
build/preload/%.o: tests/preload/%.c $(wildcard tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "CC $<"
	$(Q)$(CC) $(PRELOAD_CFLAGS) -c -o $@ $<
$(WORLD): $(patsubst tests/preload/%.c,build/preload/%.o,$(filter-out tests/preload/test_%,$(wildcard tests/preload/*.c)))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# The suite with several of them, and with a program of yours (NODE_PROGRAM=/usr/bin/node).
NODE_VERSIONS ?= 18 20 26
NODE_PROGRAM ?=
.PHONY: check-node
check-node:
	@for version in $(NODE_VERSIONS); do \
	    node=build/nodes/$$version; \
	    [ -x $$node/bin/node ] || { rm -rf $$node && mkdir -p $$node && \
	        (cd $$node && npm pack --silent node-linux-$(NODE_MACHINE)@$$version && \
	         tar -xzf node-linux-*.tgz --strip-components=1 package/bin/node && rm node-linux-*.tgz); } || exit 1; \
	done
	@status=0; for node in $(NODE_VERSIONS:%=build/nodes/%/bin/node) $(NODE_PROGRAM); do \
	    echo "$$node: $$($$node -p '`$${process.version}, OpenSSL $${process.versions.openssl}`')"; \
	    ECHSHIM_TEST_NODE=$$(realpath $$node) $(MAKE) --no-print-directory check-preload PRELOAD_FILTER='node/*' || status=1; \
	done; exit $$status

# What detours meet at the head of a function: one file for each compiler and each of its flags.
HEADS := $(if $(filter x86_64,$(shell uname -m)),build/heads/flags)
build/heads/flags: $(wildcard tests/unit/detour_heads/*)
	tests/unit/detour_heads/make.sh $(@D)

.PHONY: check-unit
check-unit: $(BUILD)/unit-tests $(BUILD)/thread-tests $(PEERS)/ech_server $(PKI) $(HEADS)
	$(CRITERION_ENV) tests/run.sh $(BUILD)/unit-tests
	$(BUILD)/thread-tests

# ---- tools: each test runs a tool as a user would, and checks what it prints ----
$(BUILD)/tool-tests: $(call obj,$(wildcard tests/tools/*.c)) $(BUILD)/tests/unit/rig.a $(ARCHIVES)
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CRITERION_LIBS)

# The launcher's tests watch processes, so they run in worlds as the tests of the preload do.
LAUNCHER_TESTS := build/launcher-tests
LAUNCHER_TESTS_SRC := $(wildcard tests/tools/launcher/*.c)
LAUNCHER_PROGRAMS := build/launcher-programs
# The first two expect an exact LD_PRELOAD; in a sanitized build the sanitizer's runtime stands in it too. musl cannot load that. The
# runtime needs more address space than the last one allows.
LAUNCHER_FILTER ?= $(if $(SANITIZE),*/!(the_shim_is_not_loaded_twice|what_is_in_ld_preload_stays|programs_of_musl|a_hundred_thousand_lines))

$(LAUNCHER_TESTS): $(LAUNCHER_TESTS_SRC) $(WORLD) $(wildcard tests/tools/launcher/*.h tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(PRELOAD_CFLAGS) -I. -o $@ $(filter %.c %.a,$^) $(CRITERION_LIBS)

LAUNCHER_PROGRAM_CC = mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^)
$(LAUNCHER_PROGRAMS)/%: tests/tools/launcher/programs/%.c
	$(LAUNCHER_PROGRAM_CC)

CONNECTS_SRC := $(wildcard tests/tools/launcher/programs/connects/*.[ch])
$(LAUNCHER_PROGRAMS)/connects: $(CONNECTS_SRC)
	$(LAUNCHER_PROGRAM_CC)

$(LAUNCHER_PROGRAMS)/connects-static: $(CONNECTS_SRC)
	$(LAUNCHER_PROGRAM_CC) -static

# musl's compiler does not look for the kernel's headers.
MUSL_CC := $(shell command -v musl-gcc)
$(LAUNCHER_PROGRAMS)/connects-musl $(LAUNCHER_PROGRAMS)/connects-musl-static: $(CONNECTS_SRC)
	@mkdir -p $(LAUNCHER_PROGRAMS)/kernel && for folder in linux asm-generic; do ln -sfn /usr/include/$$folder $(LAUNCHER_PROGRAMS)/kernel; done
	@ln -sfn /usr/include/$(shell $(CC) -print-multiarch)/asm $(LAUNCHER_PROGRAMS)/kernel/asm
	$(MUSL_CC) -std=gnu11 -O2 -D_GNU_SOURCE -isystem $(LAUNCHER_PROGRAMS)/kernel -o $@ $(filter %.c,$^) $(if $(findstring static,$@),-static)

# Without a C library, so that they need no package of another architecture. The second one gets a header that it would have.
PROGRAM_32 := -m32 -static -nostdlib -ffreestanding -fno-stack-protector -fno-pic -no-pie
$(LAUNCHER_PROGRAMS)/connects32: tests/tools/launcher/programs/connects32.c
	$(LAUNCHER_PROGRAM_CC) $(PROGRAM_32)

$(LAUNCHER_PROGRAMS)/passing32: tests/tools/launcher/programs/passing32.c shim/common/passing_call.c $(wildcard shim/common/*.h)
	@mkdir -p $(LAUNCHER_PROGRAMS)/include32/sys && echo '#define SYS_connect 362' >$(LAUNCHER_PROGRAMS)/include32/sys/syscall.h
	$(LAUNCHER_PROGRAM_CC) $(PROGRAM_32) -I. -I$(LAUNCHER_PROGRAMS)/include32

$(LAUNCHER_PROGRAMS)/static: tests/tools/launcher/programs/static.c
	$(LAUNCHER_PROGRAM_CC) -static

$(LAUNCHER_PROGRAMS)/execs-static: tests/tools/launcher/programs/execs.c
	$(LAUNCHER_PROGRAM_CC) -static

$(LAUNCHER_PROGRAMS)/asks: tests/tools/launcher/programs/asks.c shim/common/supervision.c tools/echshim/go/ask.h
	$(LAUNCHER_PROGRAM_CC) -static -I.

$(LAUNCHER_PROGRAMS)/lying_loader: tests/tools/launcher/programs/lying_loader.c
	$(LAUNCHER_PROGRAM_CC) -static -nostdlib -ffreestanding -fno-stack-protector

$(LAUNCHER_PROGRAMS)/liar: tests/tools/launcher/programs/liar.c $(LAUNCHER_PROGRAMS)/lying_loader
	$(LAUNCHER_PROGRAM_CC) -Wl,--dynamic-linker=$(abspath $(LAUNCHER_PROGRAMS)/lying_loader)

$(LAUNCHER_PROGRAMS)/libbeside.so: tests/tools/launcher/programs/beside.c
	$(LAUNCHER_PROGRAM_CC) -shared -fPIC

$(LAUNCHER_PROGRAMS)/origin: tests/tools/launcher/programs/origin.c $(LAUNCHER_PROGRAMS)/libbeside.so
	$(LAUNCHER_PROGRAM_CC) -L$(@D) -lbeside -Wl,-rpath,'$$ORIGIN'

.PHONY: launcher-programs
launcher-programs: $(addprefix $(LAUNCHER_PROGRAMS)/,asks execs execs-static static liar go origin hooked forbidden connects connects-static \
    $(if $(filter x86_64,$(shell uname -m)),connects32 passing32) \
    $(if $(MUSL_CC),connects-musl connects-musl-static))

.PHONY: check-tools check-launcher
check-tools: $(LIBS_BUILT) $(BUILD)/tool-tests tools $(PEERS)/ech_server $(PKI) $(CLIENTS)/libasan_first.so
	@status=0; ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) $(PRELOAD_ENV) $(CRITERION_ENV) tests/run.sh $(BUILD)/tool-tests || status=1; \
	$(MAKE) --no-print-directory check-launcher || status=1; exit $$status

check-launcher: $(LIBS_BUILT) tools $(LAUNCHER_TESTS) launcher-programs peers
	ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) ECHSHIM_TEST_PROGRAMS=$(abspath $(LAUNCHER_PROGRAMS)) $(PRELOAD_ENV) \
	    tests/run.sh $(AS_ROOT) $(LAUNCHER_TESTS) -j$(PRELOAD_JOBS) $(if $(LAUNCHER_FILTER),--filter '$(LAUNCHER_FILTER)')

# ---- programs under the shim, each test in its own world (tests/preload/world.h) ----
# One program for every kind of build, as with the peers. ECHSHIM_TEST_LIBRARY says which build it tests.
PRELOAD_TESTS := build/preload-tests
# Tests wait for each other's answers half of their time, so each processor runs two.
PRELOAD_JOBS ?= $(shell expr $(JOBS) '*' 2)
# A sanitized library needs the sanitizer's runtime in front of it in LD_PRELOAD, and the runtime must start early.
PRELOAD_RUNTIME_NAMES := $(if $(findstring thread,$(SANITIZE)),libclang_rt.tsan-$(shell uname -m).so libtsan.so,\
                             libclang_rt.asan-$(shell uname -m).so libasan.so)
PRELOAD_RUNTIME = $(firstword $(wildcard $(foreach name,$(PRELOAD_RUNTIME_NAMES),\
                      $(shell $(CC) -print-file-name=$(name) 2>/dev/null)))) \
                  $(if $(findstring address,$(SANITIZE)),$(abspath $(CLIENTS)/libasan_first.so))
# Private networks need root, or a user namespace that makes us root in it. Without both, the tests skip what needs a network.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,$(shell unshare -r true 2>/dev/null && echo unshare -r))
PRELOAD_ENV = ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) \
              $(if $(SANITIZE),ECHSHIM_TEST_PRELOAD='$(strip $(PRELOAD_RUNTIME))')
PRELOAD_RUN = $(PRELOAD_ENV) tests/run.sh $(AS_ROOT) $(PRELOAD_TESTS) -j$(PRELOAD_JOBS)

$(PRELOAD_TESTS): $(patsubst tests/preload/%.c,build/preload/%.o,$(wildcard tests/preload/test_*.c)) $(WORLD)
	@echo "LD $@"
	$(Q)$(CC) $(PRELOAD_CFLAGS) -o $@ $^ $(CRITERION_LIBS)

# Tests that fail because of the address sanitizer's runtime itself. For each, a backtrace or a run without the shim showed it.
# After a fork in a program with threads, the child inherits the locked allocator and waits for ever (gcc 12).
UNSANITIZED := steps/*_fork edges/openssl_fork_while_others_*
# libfaketime changes the environment in its constructor; sometimes the allocator then waits for ever, before the program begins.
UNSANITIZED += company/libfaketime*
# A program that jumps out of malloc, from a signal handler, waits for ever too.
UNSANITIZED += jumps/out_of_ssl_* jumps/out_of_gnutls_handshake jumps/out_of_getaddrinfo jumps/a_thread_that_ends_after_a_jump
# The runtime takes the frames of a cancelled thread to be in use still.
UNSANITIZED += gnutls_jumps/thread_is_cancelled*
# The runtime calls dlopen itself, so the loader uses the runtime's RUNPATH, not the program's. It also refuses RTLD_DEEPBIND.
UNSANITIZED += loader/plugin* loader/dlerror_is_silent_after_success loader/probing_for_functions_changes_nothing
UNSANITIZED += interposers/a_deep_binding_plugin_*
# The runtime does not start in a second namespace, where it is not the first library.
UNSANITIZED += namespaces/a_library_that_carries_tls namespaces/curl_* namespaces/openssl namespaces/threads_that_resolve copies/*_in_a_namespace
# The runtime does not find __cxa_throw in a C program that opens C++ libraries.
UNSANITIZED += real/qt6*
# Nothing of ours runs in them.
UNSANITIZED += baseline*/* harness*/*
# They compare the times of two programs, which the runtime stretches.
UNSANITIZED += unhelpful/dropped_questions_cost_* unhelpful/the_first_connection_waits_* unhelpful/a_shorter_bound_is_kept
# What takes long, and is left out for that reason only (.ci/run).
UNSANITIZED += $(UNSANITIZED_TOO)
empty :=
PRELOAD_FILTER ?= $(if $(SANITIZE),!($(subst $(empty) ,|,$(strip $(UNSANITIZED)))))
# All tests, or those that PRELOAD_FILTER selects ("suite/test" with * and ?). If a baseline_* test fails too, the failure
# says nothing about the shim.
.PHONY: check-preload
check-preload: $(LIBS_BUILT) $(PRELOAD_TESTS) peers tools
	$(PRELOAD_RUN) $(if $(PRELOAD_FILTER),--filter '$(PRELOAD_FILTER)')

# Leaks and invalid accesses of a few clients; part of check-preload too.
.PHONY: check-valgrind
check-valgrind:
	$(MAKE) check-preload PRELOAD_FILTER='valgrind/*'

# Compiles the stub's tables once more, because the stub's own objects are never sanitized.
THREAD_SRC := tests/threads/threads.c $(addprefix shim/stub/,guard_table.c table.c locked.c) shim/common/socket_identity.c
$(BUILD)/thread-tests: $(THREAD_SRC) $(ARCHIVES) $(wildcard shim/stub/*.h shim/common/*.h)
	@echo "LD $@"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $(filter %.c %.a,$^) $(PKG_LIBS) $(CONF_LIBS) $(LIBC_LIBS)

# Eight threads under ThreadSanitizer: the data that they share, and handshakes of every outcome at the same time. Left out are
# gnutls/threads, which hangs with the sanitizer's runtime alone (p11-kit waits for a lock of glibc's that no thread holds),
# openssl/threads_shared_ctx, in which the runtime may end with "failed to allocate" (very many locks), and the guard's
# programs, which run the unsanitized stub. One test after the other: beside three more of eight sanitized threads each, a look-up
# takes up to 0.8 s, and a program over plain DNS waits for 0.25 s only.
.PHONY: check-threads
check-threads:
	$(MAKE) SANITIZE=thread check-threads-run
# Without address space randomization, because in some layouts the runtime finds no room.
UNSHUFFLED = $(shell setarch -R true 2>/dev/null && echo setarch -R)
.PHONY: check-threads-run
check-threads-run: $(LIBS_BUILT) $(BUILD)/thread-tests $(PRELOAD_TESTS) peers
	$(UNSHUFFLED) $(BUILD)/thread-tests
	$(PRELOAD_ENV) tests/run.sh $(UNSHUFFLED) $(AS_ROOT) $(PRELOAD_TESTS) -j1 --filter 'soak/*_in_threads'

# One process whose handshakes all wait for their answers; a shorter one (1,500) is part of check-preload.
PENDING_HANDSHAKES ?= 10000
.PHONY: check-pending
check-pending:
	ECHSHIM_TEST_PENDING=$(PENDING_HANDSHAKES) $(MAKE) check-preload PRELOAD_FILTER='pending/*'

# One process, many handshakes of every outcome; a shorter one (1,000) is part of check-preload.
SOAK_HANDSHAKES ?= 10000
.PHONY: soak
soak:
	ECHSHIM_SOAK_HANDSHAKES=$(SOAK_HANDSHAKES) $(MAKE) check-preload PRELOAD_FILTER='soak/*'

# Leaves each call that a program can leave 1,000 times; check-preload leaves it 60 times.
LEAVES ?= 1000
.PHONY: check-jumps
check-jumps:
	ECHSHIM_TEST_LEAVES=$(LEAVES) $(MAKE) check-preload PRELOAD_FILTER='jumps/*'

# Tests without the shim: of the test tools themselves, and that every program works in an unchanged world.
.PHONY: check-baseline
check-baseline: $(PRELOAD_TESTS) peers
	$(PRELOAD_RUN) --filter '@(harness|baseline)*/*'

# Checks that every row of docs/conformance.md has its tests.
.PHONY: check-conformance
check-conformance: $(BUILD)/unit-tests $(PRELOAD_TESTS)
	tools/scripts/check-conformance $(BUILD)/unit-tests $(PRELOAD_TESTS)

check-build: $(LIBS_BUILT) tools $(BUILD)/unit-tests $(BUILD)/thread-tests $(BUILD)/fault-tests $(BUILD)/tool-tests $(PRELOAD_TESTS) $(LAUNCHER_TESTS) launcher-programs peers $(COUNTS) check-fuzz

# An installed stub finds the engine beside itself. A sanitized build need not test that again.
.PHONY: check-install
check-install: $(LIBS_BUILT) $(PRELOAD_TESTS) peers
	$(if $(SANITIZE),@echo 'check-install: not for sanitized builds',MAKE='$(MAKE)' $(AS_ROOT) tests/install.sh $(PRELOAD_TESTS))

# make demo and make check in places that allow less than this machine: no namespaces, or a root folder that is no mount point.
# PLAIN_PARTS='$(CHECK_PARTS)' runs all of make check without namespaces.
PLAIN_PARTS ?= check-launcher check-preload
.PHONY: check-plain
check-plain: demo-build $(PRELOAD_TESTS) $(LAUNCHER_TESTS) launcher-programs peers tools
	PLAIN_PARTS='$(PLAIN_PARTS)' tests/plain.sh $(MAKE)

include tests/preload/openssl4.mk
include tests/preload/awslc.mk
include tests/demo/demo.mk
include tests/fuzz/fuzz.mk
include tests/programs/programs.mk
include tests/suites/suites.mk
include tests/interop/interop.mk
include tests/arm64/arm64.mk
include tests/bench/bench.mk
include tests/counts/counts.mk
include tests/packages/packages.mk
include tests/tools/inside.mk
include tests/tools/go/go.mk

# Runs the commands that README.md shows, in new Debian systems that have only make. make check is one of these commands, so this
# is no part of it. README_PARTS and README_FILTER select less: tests/readme/readme.sh.
README_SUITES ?= bookworm trixie
.PHONY: check-readme
check-readme:
	@$(SETUP) suites
	@mkdir -p $(SUITES)
	@status=0; for suite in $(README_SUITES); do tests/readme/readme.sh $(SUITES) $$suite || status=1; done; exit $$status
