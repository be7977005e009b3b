# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests, fuzzers and what they need. Every tests/unit/test_*.c goes into one Criterion program, every tests/preload/test_*.c
# into another; a new file needs no line here.

CRITERION_LIBS = $(shell pkg-config --libs criterion jansson)
# Criterion's macros do not keep to our warnings; the code under test has been built with all of them.
TEST_CFLAGS = -std=gnu11 -g $(OPTIMIZE) -Wall -Wextra $(WERROR) -Wno-missing-field-initializers $(SANFLAGS) -pthread \
              $(shell pkg-config --cflags $(PKGS) criterion jansson)

# The pure parts of shim/ are tested like ech/ and dns/: by linkage.
UNIT_SHIM_SRC := $(filter $(wildcard shim/*.c),$(addprefix shim/,mode.c settings.c policy.c report.c))
UNIT_SRC := $(wildcard tests/unit/*.c)

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit-tests: $(call obj,$(UNIT_SRC) $(ECH_SRC) $(DNS_SRC) $(UNIT_SHIM_SRC))
	$(CC) $(SANFLAGS) -pthread -o $@ $^ $(PKG_LIBS) $(CRITERION_LIBS)

.PHONY: check-unit
check-unit: $(BUILD)/unit-tests
	$(BUILD)/unit-tests

# ---- peers, certificates and clients: the same for every kind of build, since none of them is what is tested ----
PEERS := build/peers
CLIENTS := build/clients
PKI := build/pki/ca.pem
PEER_CFLAGS := -std=gnu11 -g -O2 -Wall -Wextra $(WERROR) -D_GNU_SOURCE -pthread
# BoringSSL as Debian builds it for its Android tools.
BORING_DIR := $(dir $(firstword $(wildcard $(addsuffix /android/libssl.so.0,/usr/lib/$(shell $(CC) -print-multiarch) /usr/lib))))
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

# The authority's certificate is the last thing that counts, so that a broken run is made again.
$(PKI): tests/peers/make-pki.sh
	rm -rf $(@D)
	tests/peers/make-pki.sh $(@D) || { rm -rf $(@D); exit 1; }

CLIENT_DIR := tests/preload/clients
CLIENT_CC = mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -o $@ $(filter %.c %.so,$^)
CLIENT_COMMON := $(CLIENT_DIR)/client.c $(wildcard $(CLIENT_DIR)/*.h)

$(CLIENTS)/openssl_client: $(addprefix $(CLIENT_DIR)/openssl_,client.c common.c edge.c many.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/libopenssl_ctor.so: $(addprefix $(CLIENT_DIR)/openssl_,ctor.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -Wl,-soname,$(@F) -lssl -lcrypto

$(CLIENTS)/openssl_ctor: $(CLIENT_DIR)/openssl_ctor_main.c $(CLIENTS)/libopenssl_ctor.so
	$(CLIENT_CC) -Wl,-rpath,'$$ORIGIN'

$(CLIENTS)/libopenssl_plugin.so: $(addprefix $(CLIENT_DIR)/openssl_,plugin.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -Wl,-soname,$(@F) -lssl -lcrypto

$(CLIENTS)/libwrap_connect.so: $(CLIENT_DIR)/wrap_connect.c
	$(CLIENT_CC) -shared -fPIC -ldl

$(CLIENTS)/loader_client: $(CLIENT_DIR)/loader_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -ldl -Wl,-rpath,'$$ORIGIN' -Wl,--enable-new-dtags

$(CLIENTS)/gnutls_client $(CLIENTS)/gnutls_edge: $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lgnutls

$(CLIENTS)/%_dlopen: $(CLIENT_DIR)/%_dlopen.c $(CLIENT_COMMON)
	$(CLIENT_CC) -ldl

.PHONY: peers
peers: $(addprefix $(PEERS)/,ech_server ech_client relay) $(PKI) \
       $(addprefix $(CLIENTS)/,openssl_client openssl_dlopen openssl_ctor gnutls_client gnutls_edge gnutls_dlopen \
                                libopenssl_plugin.so libwrap_connect.so loader_client)

# ---- programs under the shim, each test in a world of its own (tests/preload/world.h) ----
# An instrument like the peers: the same for every kind of build, which it finds by ECHSHIM_TEST_LIBRARY.
PRELOAD_TESTS := build/preload-tests
PRELOAD_JOBS ?= 2
PRELOAD_CFLAGS = $(PEER_CFLAGS) -Wno-missing-field-initializers $(shell pkg-config --cflags criterion jansson)
# A sanitized library needs the sanitizer's runtime in front of it in LD_PRELOAD.
PRELOAD_RUNTIME = $(firstword $(wildcard $(foreach name,libasan.so libclang_rt.asan-$(shell uname -m).so,\
                      $(shell $(CC) -print-file-name=$(name)))))
# Private networks need root, or a user namespace in which we seem to be it.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,unshare -r)
PRELOAD_RUN = ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) \
              $(if $(SANITIZE),ECHSHIM_TEST_PRELOAD=$(PRELOAD_RUNTIME)) $(AS_ROOT) $(PRELOAD_TESTS) -j$(PRELOAD_JOBS)

$(PRELOAD_TESTS): $(wildcard tests/preload/*.c tests/preload/*.h)
	@mkdir -p $(@D)
	$(CC) $(PRELOAD_CFLAGS) -o $@ $(filter %.c,$^) $(CRITERION_LIBS)

# All of it, or what PRELOAD_FILTER ("suite/test" with * and ?) selects. Where a baseline_* test
# fails too, the failure says nothing about the shim.
.PHONY: check-preload
check-preload: $(LIBS_BUILT) $(PRELOAD_TESTS) peers
	$(PRELOAD_RUN) $(if $(PRELOAD_FILTER),--filter '$(PRELOAD_FILTER)')

# Leaks and invalid accesses of a few clients; part of check-preload too.
.PHONY: check-valgrind
check-valgrind:
	$(MAKE) check-preload PRELOAD_FILTER='valgrind/*'

# What needs no shim: the instruments, and that every program works in the world as it is.
.PHONY: check-baseline
check-baseline: $(PRELOAD_TESTS) peers
	$(PRELOAD_RUN) --filter '@(harness|baseline)*/*'

# ---- fuzzers: clang's libFuzzer, in a build of their own ----
FUZZ_BUILD := build/fuzz
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -I. -D_GNU_SOURCE $(PKG_CFLAGS)
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

$(FUZZ_BUILD)/%: tests/fuzz/fuzz_%.c $(ECH_SRC) $(DNS_SRC) $(wildcard ech/*.h dns/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -o $@ $< $(ECH_SRC) $(DNS_SRC) $(PKG_LIBS)

# Seeds are committed in tests/fuzz/seeds/NAME; what a run finds stays in the build folder. The time is shared by all targets.
.PHONY: fuzz
fuzz: $(addprefix $(FUZZ_BUILD)/,$(FUZZ_NAMES))
	@for name in $(FUZZ_NAMES); do \
	    mkdir -p $(FUZZ_BUILD)/corpus/$$name && \
	    $(FUZZ_BUILD)/$$name -max_total_time=$(FUZZ_SECS) -timeout=10 -print_final_stats=1 -artifact_prefix=$(FUZZ_BUILD)/$$name- \
	        $(FUZZ_BUILD)/corpus/$$name tests/fuzz/seeds/$$name || exit 1; \
	done
