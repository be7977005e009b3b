# SPDX-License-Identifier: LGPL-2.1-or-later
# The demonstration: the same world as in the tests, for people to look at.

DEMO := build/demo
# The files of a test's world that do not use Criterion, because the demonstration does not install it.
DEMO_SRC := $(wildcard tests/demo/*.c) $(shell grep -L criterion/ $(wildcard tests/preload/world*.c))

ifeq ($(SANITIZE),)
$(DEMO): $(DEMO_SRC) $(BUILD)/tools.a $(BUILD)/ech.a $(wildcard tests/demo/*.h tests/*.h tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(PEER_CFLAGS) -I. $(shell $(PKG_CONFIG) --cflags jansson) -o $@ $(filter %.c %.a,$^) $(shell $(PKG_CONFIG) --libs jansson) $(LIBC_LIBS)
else
$(DEMO): FORCE
	+$(Q)$(MAKE) --no-print-directory SANITIZE= $@
endif

.PHONY: demo demo-build demo-peers demo-run
demo:
	@$(SETUP) build demo
	@$(MAKE) --no-print-directory $(PARALLEL) demo-build
	@$(MAKE) --no-print-directory demo-run

demo-peers: $(DEMO) $(addprefix $(PEERS)/,ech_server relay connect_proxy) $(PKI)
demo-build: $(LIBS_BUILT) demo-peers

demo-run:
	@ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) $(AS_ROOT) $(DEMO)

# A shell in the demonstration's world, or RUN='COMMAND' there; also reads commands from standard input.
.PHONY: playground
playground:
	@$(SETUP) build demo >&2
	@$(MAKE) --no-print-directory $(PARALLEL) demo-build tools >&2
	@ECHSHIM_TEST_LIBRARY=$(abspath $(BUILD)/libechshim.so) ECHSHIM_TEST_TOOLS=$(abspath $(BUILD)) $(AS_ROOT) $(DEMO) --playground \
	    $(if $(value RUN),'$(subst ','\'',$(value RUN))')
