# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzzers: clang's libFuzzer, in its own build.

FUZZ_BUILD := build/fuzz
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -I. -D_GNU_SOURCE $(PKG_CFLAGS) -DSHIM_LIBDIR='""'
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
# The same archives in that build.
fuzz_obj = $(patsubst %.c,$(FUZZ_BUILD)/%.o,$(1))
FUZZ_ARCHIVES := $(addprefix $(FUZZ_BUILD)/,stub.a relay_hello.a supervisor.a go.a tools.a engine.a common.a dns.a ech.a)
FUZZ_OBJ := $(call fuzz_obj,$(filter-out shim/stub/hooks_%,$(STUB_SRC)) $(wildcard tools/common/*.c tools/echshim/supervisor/*.c tools/echshim/go/*.c) tools/relay/hello.c $(ENGINE_SRC) $(COMMON_SRC) $(DNS_SRC) $(ECH_SRC))
$(FUZZ_BUILD)/stub.a: $(call fuzz_obj,$(filter-out shim/stub/hooks_%,$(STUB_SRC)))
$(FUZZ_BUILD)/relay_hello.a: $(call fuzz_obj,tools/relay/hello.c)
$(FUZZ_BUILD)/supervisor.a: $(call fuzz_obj,$(wildcard tools/echshim/supervisor/*.c))
$(FUZZ_BUILD)/go.a: $(call fuzz_obj,$(wildcard tools/echshim/go/*.c))
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
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_ARCHIVES) $(PKG_LIBS) $(CONF_LIBS) $(LIBC_LIBS)

# Kept for the next run: make would remove them as intermediate files.
.SECONDARY: $(FUZZ_OBJ)

.PHONY: fuzz-build
fuzz-build: $(addprefix $(FUZZ_BUILD)/,$(FUZZ_NAMES))

# Do the targets fit the functions that they call? Any compiler can say, within a second or two.
.PHONY: check-fuzz
check-fuzz:
	@$(CC) -fsyntax-only -std=gnu11 $(WARNINGS) $(WERROR) -Wno-missing-field-initializers -I. -D_GNU_SOURCE $(PKG_CFLAGS) tests/fuzz/fuzz_*.c

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
