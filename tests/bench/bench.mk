# SPDX-License-Identifier: LGPL-2.1-or-later
# make bench prints the figures; make bench-docs writes them into docs/benchmarks.md. A figure that misses its goal is a failure if
# noise cannot have caused it. BENCH_FILTER selects: bench/handshake, own_ech and own_ech_hellos (OpenSSL 4 after make suites), outer (the table of costs beside OpenSSL 4), start, launcher, supervisor,
# bulk, hellos, growth, cache, dns, unhelpful, latency, latency_doh.

BENCH := $(BUILD)/bench
BENCH_RESULTS := $(BUILD)/bench-results
BENCH_DIR := tests/bench
BENCH_SRC := $(wildcard $(BENCH_DIR)/bench*.c)
BENCH_DOC := docs/benchmarks.md
BENCH_FILTER ?= bench/*

$(CLIENTS)/loop_openssl: $(addprefix $(BENCH_DIR)/,loop_openssl.c loop.c loop.h)
	$(CLIENT_CC) -lssl -lcrypto

# The same with OpenSSL 4.0 (SID_LIBS), whose own ECH is compared with the shim's. It uses the loader and the C library of that root.
$(CLIENTS)/loop_openssl4: $(addprefix $(BENCH_DIR)/,loop_openssl.c loop.c loop.h) $(SID_LIBS)
	$(CLIENT4_CC) -DOWN_ECH

$(CLIENTS)/loop_gnutls: $(addprefix $(BENCH_DIR)/,loop_gnutls.c loop.c loop.h)
	$(CLIENT_CC) -lgnutls

# The same with the libraries of Debian 13, by the same means.
TRIXIE_ROOT := $(wildcard build/suites/trixie)
TRIXIE_FOLDER = $(TRIXIE_ROOT)/usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null)
TRIXIE_CC = $(CLIENT_CC) -Wl,--allow-shlib-undefined -Wl,-dynamic-linker=$(call real_of,$(firstword $(wildcard $(TRIXIE_ROOT)/usr/lib64/ld-linux-*.so.* $(TRIXIE_ROOT)/usr/lib/ld-linux-*.so.*))) \
            -Wl,--disable-new-dtags -Wl,-rpath,$(call real_of,$(TRIXIE_FOLDER))
$(CLIENTS)/loop_openssl35: $(addprefix $(BENCH_DIR)/,loop_openssl.c loop.c loop.h)
	$(TRIXIE_CC) -lssl -lcrypto

$(CLIENTS)/loop_gnutls38: $(addprefix $(BENCH_DIR)/,loop_gnutls.c loop.c loop.h)
	$(TRIXIE_CC) -lgnutls

# The same for NSS and BoringSSL, if they are here.
$(CLIENTS)/loop_nss: $(BENCH_DIR)/loop_nss.c $(addprefix $(BENCH_DIR)/,loop.c loop.h) $(CLIENT_DIR)/nss_common.c $(CLIENT_COMMON)
	$(CLIENT_CC) -I. $(NSS_CFLAGS) -lssl3 -lsmime3 -lnss3 -lnssutil3 -lnspr4

$(CLIENTS)/loop_boringssl: $(addprefix $(BENCH_DIR)/,loop_openssl.c loop.c loop.h)
	$(CLIENT_CC) -DOWN_ECH $(BORING_CFLAGS) $(BORING_LIBS)

BENCH_LOOPS := openssl gnutls $(if $(TRIXIE_ROOT),openssl35 gnutls38) $(if $(word 2,$(SID_LIBS)),openssl4) $(if $(NSS_CFLAGS),nss) $(if $(BORING_WITH_ECH),boringssl)

$(CLIENTS)/first_byte: $(BENCH_DIR)/first_byte.c
	$(CLIENT_CC)

$(CLIENTS)/calls: $(BENCH_DIR)/calls.c
	$(CLIENT_CC)

$(CLIENTS)/calls_static: $(BENCH_DIR)/calls.c
	$(CLIENT_CC) -static

$(BENCH): $(BENCH_SRC) $(wildcard $(BENCH_DIR)/*.h tests/*.h tests/preload/*.h) $(WORLD) $(BUILD)/dns.a $(BUILD)/ech.a
	$(CC) $(PRELOAD_CFLAGS) $(SANFLAGS) -I. -o $@ $(filter %.c %.a,$^) $(PKG_LIBS) $(CRITERION_LIBS)

# A Go program with Go 1.23 or later; empty: none.
BENCH_GO ?= $(if $(TRIXIE_ROOT),$(wildcard $(TRIXIE_ROOT)/usr/bin/hey))

.PHONY: bench bench-docs bench-dns bench-latency
# Look-ups by each transport, the cost of unhelpful networks, and time to the first octet over a long way.
bench-dns:
	$(MAKE) --no-print-directory bench BENCH_FILTER='bench/@(dns|latency*|unhelpful)'

# Time to the first octet over a long way.
bench-latency:
	$(MAKE) --no-print-directory bench BENCH_FILTER='bench/latency*'

bench: $(LIBS_BUILT) $(TOOLS_BUILT) $(BENCH) peers $(addprefix $(CLIENTS)/,$(addprefix loop_,$(BENCH_LOOPS)) first_byte calls calls_static)
	@rm -rf $(BENCH_RESULTS) && mkdir -p $(BENCH_RESULTS)
	@ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) ECHSHIM_BENCH_RESULTS=$(BENCH_RESULTS) \
	    ECHSHIM_BENCH_CLIENTS=$(abspath $(CLIENTS)) ECHSHIM_BENCH_GO=$(BENCH_GO) \
	    $(AS_ROOT) $(BENCH) -j1 --filter '$(BENCH_FILTER)'; \
	status=$$?; for table in $(BENCH_RESULTS)/*.md; do [ ! -e $$table ] || { cat $$table; echo; }; done; exit $$status

# Only the caches.
.PHONY: bench-cache
bench-cache:
	$(MAKE) --no-print-directory bench BENCH_FILTER=bench/cache

bench-docs: bench
	@mkdir -p $(dir $(BENCH_DOC))
	@{ printf '# Figures\n\nMade by `make bench-docs` on %s' "$$(date -u +%F)"; \
	   printf ' on a machine with %s cores (%s), shared with other work;\n' "$$(nproc)" "$$(uname -m)"; \
	   printf 'OpenSSL %s, ' "$$($(PKG_CONFIG) --modversion openssl)"; \
	   printf 'GnuTLS %s. Ratios say more than times.\n' "$$($(PKG_CONFIG) --modversion gnutls)"; \
	   for table in $(BENCH_RESULTS)/*.md; do echo; cat $$table; done; \
	   echo; cat $(BENCH_DIR)/notes.md; } > $(BENCH_DOC)
	@tools/scripts/fill-documents
