# SPDX-License-Identifier: LGPL-2.1-or-later
# make inside: programs with TLS inside, from npm and Debian, under echshim in opportunistic and strict mode, with a look at the wire.
# Writes docs/inside.md, and the same table into docs/programs.md. By hand, because the programs are large (1.5 GiB).

INSIDE := build/inside

.PHONY: inside inside-programs
inside-programs:
	$(SETUP) build test inside
	tests/tools/inside.sh get $(INSIDE)

inside: inside-programs $(LIBS_BUILT) tools $(LAUNCHER_TESTS) launcher-programs peers
	@rm -f $(INSIDE)/rows
	@status=0; ECHSHIM_INSIDE=$(abspath $(INSIDE)) ECHSHIM_INSIDE_RESULTS=$(abspath $(INSIDE)/rows) $(MAKE) --no-print-directory check-launcher \
	    LAUNCHER_FILTER='inside/*' || status=1; \
	tests/tools/inside.sh table $(INSIDE)/rows docs/inside.md && tools/scripts/fill-documents && exit $$status

# Which variable tells which real program of the relay's authority: writes docs/relay-variables.md.
.PHONY: relay-variables
relay-variables: inside-programs $(LIBS_BUILT) tools $(LAUNCHER_TESTS) launcher-programs peers
	@rm -f $(INSIDE)/readers
	@status=0; ECHSHIM_INSIDE=$(abspath $(INSIDE)) ECHSHIM_READERS_RESULTS=$(abspath $(INSIDE)/readers) $(MAKE) --no-print-directory check-launcher \
	    LAUNCHER_FILTER='relay_readers/*' || status=1; \
	tests/tools/inside.sh readers $(INSIDE)/readers docs/relay-variables.md && exit $$status

# The relay of echshim --relay: throughput, latency and its own time, and a thousand connections at once.
RELAY_CONNECTIONS ?= 1000
.PHONY: relay-figures
relay-figures: $(LIBS_BUILT) tools $(LAUNCHER_TESTS) launcher-programs peers
	ECHSHIM_RELAY_CONNECTIONS=$(RELAY_CONNECTIONS) $(MAKE) --no-print-directory check-launcher LAUNCHER_FILTER='relay/[fm]*'
