# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests, fuzzers and what they need. Every tests/unit/test_*.c goes into one Criterion program, those of tests/preload and
# tests/faults into others; a new file needs no line here.

# Everything. setup.sh comes first, and a second make after it: a Makefile finds the new packages only when it is read.
CHECK_PARTS ?= check-layers check-conformance check-unit check-faults check-tools check-preload check-install
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

# For leaks of Criterion itself; matters only with SANITIZE=address.
CRITERION_ENV = LSAN_OPTIONS=suppressions=$(abspath tests/unit/lsan.supp)
CRITERION_LIBS = $(shell pkg-config --libs criterion jansson)
# Criterion's macros do not compile under all our warnings; the tested code has been built with them.
TEST_CFLAGS = -std=gnu11 -g $(OPTIMIZE) -Wall -Wextra $(WERROR) -Wno-missing-field-initializers $(SANFLAGS) -pthread \
              $(shell pkg-config --cflags $(PKGS) criterion jansson)

# The stub without the functions that have a program's names (hooks_*), as an archive: tests link what they need of it.
$(BUILD)/stub.a: $(filter-out $(BUILD)/shim/stub/hooks_%,$(call obj,$(STUB_SRC)))
TESTED := $(BUILD)/stub.a $(ARCHIVES)
UNIT_SRC := $(wildcard tests/unit/*.c)

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

# The stub's memory functions under other names: the test needs the real ones.
STUB_MEMORY_NAMES := malloc calloc realloc reallocarray free strdup strndup
$(BUILD)/tests/unit/stub_memory.o: $(BUILD)/shim/stub/hooks_memory.o
	@mkdir -p $(@D)
	objcopy $(foreach name,$(STUB_MEMORY_NAMES),--redefine-sym $(name)=stub_$(name)) $< $@

$(BUILD)/unit-tests: $(BUILD)/tests/unit/stub_memory.o $(call obj,$(UNIT_SRC)) $(BUILD)/tools.a $(TESTED)
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CONF_LIBS) $(CRITERION_LIBS)

# ---- faults: the same code, with each allocation failing in turn; the tests' own tools are not wrapped ----
FAULT_NAMES := malloc calloc realloc reallocarray strdup strndup free
FAULT_ARCHIVES := $(patsubst $(BUILD)/%,$(BUILD)/tests/faults/%,$(ARCHIVES))
# The tests make their input with these.
UNIT_RIG := $(call obj,$(filter-out tests/unit/test_%,$(UNIT_SRC)))
$(BUILD)/tests/unit/rig.a: $(UNIT_RIG)

$(FAULT_ARCHIVES): $(BUILD)/tests/faults/%.a: $(BUILD)/%.a
	@mkdir -p $(@D)
	$(Q)objcopy $(foreach name,$(FAULT_NAMES),--redefine-sym $(name)=__wrap_$(name)) $< $@

$(BUILD)/fault-tests: $(call obj,$(wildcard tests/faults/*.c)) $(BUILD)/tests/unit/rig.a $(FAULT_ARCHIVES)
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CONF_LIBS) $(CRITERION_LIBS)

.PHONY: check-faults
check-faults: $(BUILD)/fault-tests
	$(CRITERION_ENV) $(BUILD)/fault-tests

# ---- peers, certificates and clients: the same for every kind of build, since the tests are not about them ----
PEERS := build/peers
CLIENTS := build/clients
PKI := build/pki/ca.pem
PEER_CFLAGS := -std=gnu11 -g -O2 -Wall -Wextra $(WERROR) -D_GNU_SOURCE -pthread
# BoringSSL as Debian builds it for its Android tools.
BORING_DIR := $(dir $(firstword $(wildcard $(addsuffix /android/libssl.so.0,/usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null) /usr/lib))))
BORING_CFLAGS := -isystem /usr/include/android
BORING_LIBS := -L$(BORING_DIR) -Wl,-rpath,$(BORING_DIR) -l:libssl.so.0 -l:libcrypto.so.0

$(PEERS)/ech_server: $(addprefix tests/peers/,ech_server.c ech_keys.c http.c listen.c) $(wildcard tests/peers/*.h)
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) $(BORING_CFLAGS) -o $@ $(filter %.c,$^) $(BORING_LIBS)

$(PEERS)/ech_client: tests/peers/ech_client.c tests/peers/listen.c tests/peers/listen.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) $(BORING_CFLAGS) -o $@ $(filter %.c,$^) $(BORING_LIBS)

$(PEERS)/relay: tests/peers/relay.c tests/peers/listen.c tests/peers/listen.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^)

$(PEERS)/connect_proxy: tests/peers/connect_proxy.c tests/peers/listen.c tests/peers/listen.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^)

$(PEERS)/dns_relay: tests/peers/dns_relay.c tests/peers/listen.c tests/peers/listen.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^)

$(PEERS)/silent: tests/peers/silent.c tests/peers/listen.c tests/peers/listen.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^)

$(PEERS)/answer_server: tests/peers/answer_server.c tests/peers/listen.c tests/peers/listen.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^) -lssl -lcrypto

# The unit tests' server behind a socket.
ACCEPT_SERVER_SRC := $(addprefix tests/,peers/accept_server.c peers/listen.c) $(ECH_SRC) \
                     $(addprefix tests/unit/,tls13_server.c hello_tools.c certificates.c vectors.c)
$(PEERS)/accept_server: $(ACCEPT_SERVER_SRC) $(wildcard tests/peers/*.h tests/unit/*.h ech/*.h)
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -Wno-missing-field-initializers -I. $(PKG_CFLAGS) $(shell pkg-config --cflags criterion jansson) \
	    -o $@ $(ACCEPT_SERVER_SRC) $(PKG_LIBS) $(CRITERION_LIBS)

# The unit tests' zone of bad cases behind sockets.
BAD_RESOLVER_SRC := tests/peers/bad_resolver.c dns/answer.c dns/name.c dns/host_name.c $(ECH_SRC) \
                    $(addprefix tests/unit/,bad_answers.c dns_responder.c dns_messages.c vectors.c)
$(PEERS)/bad_resolver: $(BAD_RESOLVER_SRC) $(wildcard tests/unit/*.h dns/*.h ech/*.h)
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -Wno-missing-field-initializers -I. $(PKG_CFLAGS) $(shell pkg-config --cflags criterion jansson) \
	    -o $@ $(BAD_RESOLVER_SRC) $(PKG_LIBS) $(CRITERION_LIBS)

# Only the authority's certificate counts, which is made last: make repeats a broken run.
$(PKI): tests/peers/make-pki.sh
	rm -rf $(@D)
	tests/peers/make-pki.sh $(@D) || { rm -rf $(@D); exit 1; }

CLIENT_DIR := tests/preload/clients
CLIENT_CC = mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -o $@ $(filter %.c %.so,$^)
CLIENT_COMMON := $(CLIENT_DIR)/client.c $(wildcard $(CLIENT_DIR)/*.h)

# -rdynamic: libsteps.so finds run_again by name.
$(CLIENTS)/openssl_client: $(addprefix $(CLIENT_DIR)/openssl_,buffered.c client.c common.c edge.c late.c many.c midway.c storage.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -lssl -lcrypto

# What OpenSSL's archives need beside themselves differs between releases (zlib and zstd in Debian 13).
OPENSSL_ARCHIVES_NEED = $(filter-out -lssl -lcrypto,$(shell pkg-config --static --libs libssl libcrypto 2>/dev/null)) -ldl

# A TLS library linked into the program, where no hook sees it.
$(CLIENTS)/openssl_static: $(addprefix $(CLIENT_DIR)/openssl_,buffered.c client.c common.c edge.c late.c many.c midway.c storage.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -l:libssl.a -l:libcrypto.a $(OPENSSL_ARCHIVES_NEED)

$(CLIENTS)/small_stack: $(addprefix $(CLIENT_DIR)/,small_stack.c openssl_common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto -lgnutls

$(CLIENTS)/openssl_locked: $(addprefix $(CLIENT_DIR)/openssl_,locked.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

peers: $(CLIENTS)/pending
$(CLIENTS)/pending: $(CLIENT_DIR)/pending.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/openssl_api: $(addprefix $(CLIENT_DIR)/openssl_,api.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

# OpenSSL 4.0, of make suites: its programs run in that root, with that root's loader.
SID_LIBS := $(wildcard $(addprefix build/suites/sid/usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null)/,libssl.so.4 libcrypto.so.4))
peers: $(if $(word 2,$(SID_LIBS)),$(CLIENTS)/openssl4_client)
$(CLIENTS)/openssl4_client: $(CLIENT_DIR)/openssl4_client.c $(CLIENT_DIR)/openssl_common.c $(CLIENT_COMMON) $(SID_LIBS)
	mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -Wno-deprecated-declarations -o $@ $(filter %.c,$^) $(SID_LIBS) -Wl,--allow-shlib-undefined

# One source for each library.
peers: $(addprefix $(CLIENTS)/refused_calls,_openssl _boringssl $(if $(word 2,$(SID_LIBS)),_openssl4))
$(CLIENTS)/refused_calls_openssl: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto
$(CLIENTS)/refused_calls_boringssl: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON)
	$(CLIENT_CC) $(BORING_CFLAGS) $(BORING_LIBS)
$(CLIENTS)/refused_calls_openssl4: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON) $(SID_LIBS)
	mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -Wno-deprecated-declarations -o $@ $(filter %.c,$^) $(SID_LIBS) -Wl,--allow-shlib-undefined

$(CLIENTS)/openssl_downgrade: $(addprefix $(CLIENT_DIR)/openssl_,downgrade.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/guard_client $(CLIENTS)/guard_ways $(CLIENTS)/guard_inner $(CLIENTS)/guard_locked: $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC)

peers: $(addprefix $(CLIENTS)/jump_,client downgrade)
$(CLIENTS)/jump_client $(CLIENTS)/jump_downgrade: $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto -lgnutls

# Has a TLS library and does not use it, as a program before its first handshake.
$(CLIENTS)/names_client: $(CLIENT_DIR)/names_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -Wl,--no-as-needed -lssl

$(CLIENTS)/libopenssl_ctor.so: $(addprefix $(CLIENT_DIR)/openssl_,ctor.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -Wl,-soname,$(@F) -lssl -lcrypto

$(CLIENTS)/openssl_ctor: $(CLIENT_DIR)/openssl_ctor_main.c $(CLIENTS)/libopenssl_ctor.so
	$(CLIENT_CC) -Wl,-rpath,'$$ORIGIN'

$(CLIENTS)/libopenssl_plugin.so: $(addprefix $(CLIENT_DIR)/openssl_,plugin.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -Wl,-soname,$(@F) -lssl -lcrypto

$(CLIENTS)/libwrap_connect.so: $(CLIENT_DIR)/wrap_connect.c
	$(CLIENT_CC) -shared -fPIC -ldl

$(CLIENTS)/libred_stderr.so $(CLIENTS)/libtls_interposer.so $(CLIENTS)/libinterposer.so $(CLIENTS)/libinterposer_helper.so $(CLIENTS)/libdlsym_hook.so \
$(CLIENTS)/liballocator.so $(CLIENTS)/libforeign.so: $(CLIENTS)/lib%.so: $(CLIENT_DIR)/%.c
	$(CLIENT_CC) -shared -fPIC -fno-builtin -ldl

$(CLIENTS)/libnode_addon.so: $(CLIENT_DIR)/node_addon.c $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -ldl

# A program that contains OpenSSL and exports all of it.
$(CLIENTS)/loader_exports: $(CLIENT_DIR)/loader_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -Wl,--whole-archive -l:libssl.a -Wl,--no-whole-archive -l:libcrypto.a $(OPENSSL_ARCHIVES_NEED) -Wl,-rpath,'$$ORIGIN'

# Not fortified: it defines the functions that fortified code calls.
$(CLIENTS)/libsteps.so: $(CLIENT_DIR)/steps.c
	$(CLIENT_CC) -shared -fPIC -ldl -U_FORTIFY_SOURCE

$(CLIENTS)/loader_client: $(CLIENT_DIR)/loader_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -ldl -Wl,-rpath,'$$ORIGIN' -Wl,--enable-new-dtags

$(CLIENTS)/gnutls_client: $(CLIENT_DIR)/gnutls_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -lgnutls

GNUTLS_ODD_CLIENTS := $(addprefix $(CLIENTS)/gnutls_,edge callbacks late api jumps)
$(GNUTLS_ODD_CLIENTS): $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_DIR)/gnutls_common.c $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -lgnutls

$(CLIENTS)/soak_openssl: $(addprefix $(CLIENT_DIR)/soak,_openssl.c .c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/soak_gnutls: $(addprefix $(CLIENT_DIR)/soak,_gnutls.c .c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lgnutls

$(CLIENTS)/%_dlopen: $(CLIENT_DIR)/%_dlopen.c $(CLIENT_COMMON)
	$(CLIENT_CC) -ldl

.PHONY: peers
peers: $(GNUTLS_ODD_CLIENTS) $(CLIENTS)/openssl_api
peers: $(addprefix $(CLIENTS)/,guard_ways guard_inner guard_locked openssl_locked)
peers: $(addprefix $(PEERS)/,ech_server ech_client answer_server accept_server bad_resolver connect_proxy relay dns_relay silent) $(PKI) \
       $(addprefix $(CLIENTS)/,openssl_client openssl_dlopen openssl_ctor openssl_static openssl_downgrade small_stack guard_client names_client \
                                 gnutls_client gnutls_dlopen libasan_first.so libopenssl_plugin.so \
                                 libwrap_connect.so libred_stderr.so libinterposer.so libinterposer_helper.so libdlsym_hook.so liballocator.so libforeign.so \
                                 libnode_addon.so libtls_interposer.so loader_exports libsteps.so soak_openssl soak_gnutls loader_client)

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

.PHONY: check-unit
check-unit: $(BUILD)/unit-tests $(BUILD)/thread-tests $(PEERS)/ech_server $(PKI)
	$(CRITERION_ENV) $(BUILD)/unit-tests
	$(BUILD)/thread-tests

# ---- tools: each test runs a tool as a user would, and checks what it prints ----
$(BUILD)/tool-tests: $(call obj,$(wildcard tests/tools/*.c)) $(BUILD)/tests/unit/rig.a $(ARCHIVES)
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CRITERION_LIBS)

# The launcher changes processes more than it prints: its tests are an instrument like those of the preload.
LAUNCHER_TESTS := build/launcher-tests
# The checks on a world of tests, for programs other than build/preload-tests.
WORLD_EXPECT_SRC := tests/preload/wire.c tests/preload/second_hello.c $(addprefix tests/preload/world,.c _place.c _run.c _dns.c _expect.c)
LAUNCHER_TESTS_SRC := $(wildcard tests/tools/launcher/*.c) $(WORLD_EXPECT_SRC) tests/preload/journal.c
LAUNCHER_PROGRAMS := build/launcher-programs
# These two tests say exactly what LD_PRELOAD holds; a sanitizer's runtime stands in it too.
LAUNCHER_FILTER ?= $(if $(SANITIZE),*/!(the_shim_is_not_loaded_twice|what_is_in_ld_preload_stays))

$(LAUNCHER_TESTS): $(LAUNCHER_TESTS_SRC) $(wildcard tests/tools/launcher/*.h tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(PRELOAD_CFLAGS) -I. -o $@ $(filter %.c,$^) $(CRITERION_LIBS) -lutil

LAUNCHER_PROGRAM_CC = mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -o $@ $<
$(LAUNCHER_PROGRAMS)/%: tests/tools/launcher/programs/%.c
	$(LAUNCHER_PROGRAM_CC)

$(LAUNCHER_PROGRAMS)/static: tests/tools/launcher/programs/static.c
	$(LAUNCHER_PROGRAM_CC) -static

$(LAUNCHER_PROGRAMS)/lying_loader: tests/tools/launcher/programs/lying_loader.c
	$(LAUNCHER_PROGRAM_CC) -static -nostdlib -ffreestanding -fno-stack-protector

$(LAUNCHER_PROGRAMS)/liar: tests/tools/launcher/programs/liar.c $(LAUNCHER_PROGRAMS)/lying_loader
	$(LAUNCHER_PROGRAM_CC) -Wl,--dynamic-linker=$(abspath $(LAUNCHER_PROGRAMS)/lying_loader)

$(LAUNCHER_PROGRAMS)/libbeside.so: tests/tools/launcher/programs/beside.c
	$(LAUNCHER_PROGRAM_CC) -shared -fPIC

$(LAUNCHER_PROGRAMS)/origin: tests/tools/launcher/programs/origin.c $(LAUNCHER_PROGRAMS)/libbeside.so
	$(LAUNCHER_PROGRAM_CC) -L$(@D) -lbeside -Wl,-rpath,'$$ORIGIN'

.PHONY: launcher-programs
launcher-programs: $(addprefix $(LAUNCHER_PROGRAMS)/,execs static liar go origin)

.PHONY: check-tools check-launcher
check-tools: $(LIBS_BUILT) $(BUILD)/tool-tests tools $(PEERS)/ech_server $(PKI) $(CLIENTS)/libasan_first.so
	@status=0; ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) $(PRELOAD_ENV) $(CRITERION_ENV) $(BUILD)/tool-tests || status=1; \
	$(MAKE) --no-print-directory check-launcher || status=1; exit $$status

check-launcher: $(LIBS_BUILT) tools $(LAUNCHER_TESTS) launcher-programs peers
	ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) ECHSHIM_TEST_PROGRAMS=$(abspath $(LAUNCHER_PROGRAMS)) $(PRELOAD_ENV) \
	    $(AS_ROOT) $(LAUNCHER_TESTS) -j$(PRELOAD_JOBS) $(if $(LAUNCHER_FILTER),--filter '$(LAUNCHER_FILTER)')

# ---- programs under the shim, each test in its own world (tests/preload/world.h) ----
# An instrument like the peers: the same for every kind of build. It finds the build by ECHSHIM_TEST_LIBRARY.
PRELOAD_TESTS := build/preload-tests
PRELOAD_JOBS ?= 2
PRELOAD_CFLAGS = $(PEER_CFLAGS) -Wno-missing-field-initializers $(shell pkg-config --cflags criterion jansson)
$(CLIENTS)/libasan_first.so: $(CLIENT_DIR)/asan_first.c
	$(CLIENT_CC) -shared -fPIC -Wl,-z,initfirst

# A sanitized library needs the sanitizer's runtime in front of it in LD_PRELOAD, and the runtime must start early.
PRELOAD_RUNTIME_NAMES := $(if $(findstring thread,$(SANITIZE)),libclang_rt.tsan-$(shell uname -m).so libtsan.so,\
                             libclang_rt.asan-$(shell uname -m).so libasan.so)
PRELOAD_RUNTIME = $(firstword $(wildcard $(foreach name,$(PRELOAD_RUNTIME_NAMES),\
                      $(shell $(CC) -print-file-name=$(name) 2>/dev/null)))) \
                  $(if $(findstring address,$(SANITIZE)),$(abspath $(CLIENTS)/libasan_first.so))
# Private networks need root, or a user namespace in which we seem to be root. Without either, the tests notice.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,$(shell unshare -r true 2>/dev/null && echo unshare -r))
PRELOAD_ENV = ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) \
              $(if $(SANITIZE),ECHSHIM_TEST_PRELOAD='$(strip $(PRELOAD_RUNTIME))')
PRELOAD_RUN = $(PRELOAD_ENV) $(AS_ROOT) $(PRELOAD_TESTS) -j$(PRELOAD_JOBS)

$(PRELOAD_TESTS): $(wildcard tests/preload/*.c tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	$(CC) $(PRELOAD_CFLAGS) -o $@ $(filter %.c,$^) $(CRITERION_LIBS)

# Tests that fail because of the address sanitizer's runtime itself: each seen in a backtrace, or without the shim.
# After a fork in a program with threads, the child inherits the locked allocator and waits for ever (gcc 12).
UNSANITIZED := steps/over_*_fork edges/openssl_fork_while_others_*
# libfaketime changes the environment in its constructor; the allocator then waits for ever now and then, before the program begins.
UNSANITIZED += company/libfaketime*
# A program that jumps out of malloc, from a signal handler, waits for ever too.
UNSANITIZED += jumps/out_of_ssl_* jumps/out_of_gnutls_handshake jumps/out_of_getaddrinfo jumps/a_thread_that_ends_after_a_jump
# The runtime takes the frames of a cancelled thread to be in use still.
UNSANITIZED += gnutls_jumps/thread_is_cancelled*
# The runtime calls dlopen itself, so the loader uses the runtime's RUNPATH, not the program's. It also refuses RTLD_DEEPBIND.
UNSANITIZED += loader/plugin* loader/dlerror_is_silent_after_success loader/probing_for_functions_changes_nothing
UNSANITIZED += interposers/a_deep_binding_plugin_*
# The runtime does not start in a second namespace, where it is not the first library.
UNSANITIZED += namespaces/a_library_that_carries_tls namespaces/curl_* namespaces/openssl
# The runtime does not find __cxa_throw in a C program that opens C++ libraries.
UNSANITIZED += real/qt6*
empty :=
PRELOAD_FILTER ?= $(if $(SANITIZE),!($(subst $(empty) ,|,$(strip $(UNSANITIZED)))))
# Everything, or what PRELOAD_FILTER selects ("suite/test" with * and ?). A failure beside a failed baseline_* test proves
# nothing.
.PHONY: check-preload
check-preload: $(LIBS_BUILT) $(PRELOAD_TESTS) peers tools
	$(PRELOAD_RUN) $(if $(PRELOAD_FILTER),--filter '$(PRELOAD_FILTER)')

# Leaks and invalid accesses of a few clients; part of check-preload too.
.PHONY: check-valgrind
check-valgrind:
	$(MAKE) check-preload PRELOAD_FILTER='valgrind/*'

# The stub's tables, compiled again: the stub's own objects are never sanitized.
THREAD_SRC := tests/threads/threads.c $(addprefix shim/stub/,guard_table.c table.c locked.c) shim/common/socket_identity.c
$(BUILD)/thread-tests: $(THREAD_SRC) $(ARCHIVES) $(wildcard shim/stub/*.h shim/common/*.h)
	@echo "LD $@"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $(filter %.c %.a,$^) $(PKG_LIBS) $(CONF_LIBS)

# Eight threads under ThreadSanitizer: the data that they share, and handshakes of every outcome at the same time. Left out are
# gnutls/threads, which hangs with the sanitizer's runtime alone (p11-kit waits for a lock of glibc's that no thread holds),
# openssl/threads_shared_ctx, in which the runtime may end with "failed to allocate" (very many locks), and the guard's
# programs, which run the unsanitized stub.
.PHONY: check-threads
check-threads:
	$(MAKE) SANITIZE=thread check-threads-run
# Without address space randomization: in some layouts the runtime finds no room.
UNSHUFFLED = $(shell setarch -R true 2>/dev/null && echo setarch -R)
.PHONY: check-threads-run
check-threads-run: $(LIBS_BUILT) $(BUILD)/thread-tests $(PRELOAD_TESTS) peers
	$(UNSHUFFLED) $(BUILD)/thread-tests
	$(PRELOAD_ENV) $(UNSHUFFLED) $(AS_ROOT) $(PRELOAD_TESTS) -j$(PRELOAD_JOBS) --filter 'soak/*_in_threads'

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

# Tests that need no shim: of the instruments, and that every program works in the world as it is.
.PHONY: check-baseline
check-baseline: $(PRELOAD_TESTS) peers
	$(PRELOAD_RUN) --filter '@(harness|baseline)*/*'

# Every row of the specifications has its tests: docs/conformance.md.
.PHONY: check-conformance
check-conformance: $(BUILD)/unit-tests $(PRELOAD_TESTS)
	tools/scripts/check-conformance $(BUILD)/unit-tests $(PRELOAD_TESTS)

check-build: $(LIBS_BUILT) tools $(BUILD)/unit-tests $(BUILD)/thread-tests $(BUILD)/fault-tests $(BUILD)/tool-tests $(PRELOAD_TESTS) $(LAUNCHER_TESTS) launcher-programs peers

# An installed stub finds the engine beside itself. A sanitized build need not test that again.
.PHONY: check-install
check-install: $(LIBS_BUILT) $(PRELOAD_TESTS) peers
	$(if $(SANITIZE),@echo 'check-install: not for sanitized builds',MAKE='$(MAKE)' $(AS_ROOT) tests/install.sh $(PRELOAD_TESTS))

# ---- the demonstration: the same world, for people to look at ----
DEMO := build/demo
DEMO_SRC := $(wildcard tests/demo/*.c) $(addprefix tests/preload/world,.c _place.c _run.c) \
            $(addprefix ech/,wire.c records.c client_hello.c) tools/common/say.c

$(DEMO): $(DEMO_SRC) $(wildcard tests/demo/*.h tests/*.h tests/preload/*.h ech/*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(PEER_CFLAGS) -I. $(shell pkg-config --cflags jansson) -o $@ $(DEMO_SRC) $(shell pkg-config --libs jansson)

.PHONY: demo demo-build demo-peers demo-run
demo:
	@$(SETUP) build demo
	@$(MAKE) --no-print-directory $(PARALLEL) demo-build
	@$(MAKE) --no-print-directory demo-run

demo-peers: $(DEMO) $(addprefix $(PEERS)/,ech_server relay) $(PKI)
demo-build: $(LIBS_BUILT) demo-peers

demo-run:
	@ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) $(AS_ROOT) $(DEMO)

# make demo and make check in places that allow less than this one: no namespaces, or a root folder that is no mount point. All
# of make check without namespaces: PLAIN_PARTS='$(CHECK_PARTS)'.
PLAIN_PARTS ?= check-launcher check-preload
.PHONY: check-plain
check-plain: demo-build $(PRELOAD_TESTS) $(LAUNCHER_TESTS) launcher-programs peers tools
	PLAIN_PARTS='$(PLAIN_PARTS)' tests/plain.sh $(MAKE)

# A shell in the demonstration's world, or RUN='COMMAND' there; also reads commands from standard input.
.PHONY: playground
playground:
	@$(SETUP) build demo >&2
	@$(MAKE) --no-print-directory $(PARALLEL) demo-build tools >&2
	@ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) $(AS_ROOT) $(DEMO) --playground \
	    $(if $(value RUN),'$(subst ','\'',$(value RUN))')

include tests/interop/interop.mk
include tests/bench/bench.mk
include tests/packages/packages.mk
include tests/programs/programs.mk

# README's commands, as printed, in releases of Debian that have nothing but make. make check is one of these commands, so this
# is no part of it. README_PARTS and README_FILTER select less: tests/readme/readme.sh.
README_SUITES ?= bookworm trixie
.PHONY: check-readme
check-readme:
	@$(SETUP) suites
	@mkdir -p $(SUITES)
	@status=0; for suite in $(README_SUITES); do tests/readme/readme.sh $(SUITES) $$suite || status=1; done; exit $$status

# ---- fuzzers: clang's libFuzzer, in its own build ----
FUZZ_BUILD := build/fuzz
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -I. -D_GNU_SOURCE $(PKG_CFLAGS) -DSHIM_LIBDIR='""'
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
# The same archives in that build.
fuzz_obj = $(patsubst %.c,$(FUZZ_BUILD)/%.o,$(1))
FUZZ_ARCHIVES := $(addprefix $(FUZZ_BUILD)/,stub.a tools.a engine.a common.a dns.a ech.a)
FUZZ_OBJ := $(call fuzz_obj,$(filter-out shim/stub/hooks_%,$(STUB_SRC)) $(wildcard tools/common/*.c) $(ENGINE_SRC) $(COMMON_SRC) $(DNS_SRC) $(ECH_SRC))
$(FUZZ_BUILD)/stub.a: $(call fuzz_obj,$(filter-out shim/stub/hooks_%,$(STUB_SRC)))
$(FUZZ_BUILD)/tools.a: $(call fuzz_obj,$(wildcard tools/common/*.c))
$(FUZZ_BUILD)/engine.a: $(call fuzz_obj,$(ENGINE_SRC))
$(FUZZ_BUILD)/common.a: $(call fuzz_obj,$(COMMON_SRC))
$(FUZZ_BUILD)/dns.a: $(call fuzz_obj,$(DNS_SRC))
$(FUZZ_BUILD)/ech.a: $(call fuzz_obj,$(ECH_SRC))

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $@"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(FUZZ_BUILD)/%: tests/fuzz/fuzz_%.c $(FUZZ_ARCHIVES)
	@echo "LD $@"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_ARCHIVES) $(PKG_LIBS) $(CONF_LIBS)

# Kept for the next run: make would remove them as intermediate files.
.SECONDARY: $(FUZZ_OBJ)

.PHONY: fuzz-build
fuzz-build: $(addprefix $(FUZZ_BUILD)/,$(FUZZ_NAMES))

# FUZZ_SECS for each target. Seeds are committed in tests/fuzz/seeds/NAME; new inputs stay in the build folder.
.PHONY: fuzz
fuzz: fuzz-build
	@status=0; for name in $(FUZZ_NAMES); do \
	    mkdir -p $(FUZZ_BUILD)/corpus/$$name; \
	    if $(FUZZ_BUILD)/$$name -max_total_time=$(FUZZ_SECS) -timeout=10 -print_final_stats=1 \
	        -artifact_prefix=$(FUZZ_BUILD)/$$name- $(FUZZ_BUILD)/corpus/$$name tests/fuzz/seeds/$$name \
	        >$(FUZZ_BUILD)/$$name.log 2>&1; then \
	        echo "fuzz $$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(FUZZ_BUILD)/$$name.log) runs, no finding"; \
	    else \
	        echo "fuzz $$name: a finding; all of it in $(FUZZ_BUILD)/$$name.log"; tail -n 60 $(FUZZ_BUILD)/$$name.log; status=1; \
	    fi; \
	done; exit $$status
