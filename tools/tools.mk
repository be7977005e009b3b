# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs for users. They link the archives below the engine, so none of them needs a library of ours.

TOOL_PKGS := jansson
TOOL_LIBS = $(shell $(PKG_CONFIG) --libs $(TOOL_PKGS) 2>/dev/null)
TOOLS_BUILT := $(BUILD)/echshim $(BUILD)/echdig $(BUILD)/echprobe
# A part of echshim that users do not run.
RELAY_BUILT := $(BUILD)/echshim-relay

# The files that the programs share, and each program's own.
$(BUILD)/tools.a: $(call obj,$(wildcard tools/common/*.c))
# The supervisor of the launcher, for the unit tests too.
$(BUILD)/supervisor.a: $(call obj,$(wildcard tools/echshim/supervisor/*.c))
# What it reads of Go programs: pure, for the unit tests too.
$(BUILD)/go.a: $(call obj,$(wildcard tools/echshim/go/*.c))
# What it puts into them.
$(BUILD)/detour.a: $(call obj,$(wildcard tools/echshim/detour/*.c))
TOOL_ARCHIVES := $(BUILD)/tools.a $(filter-out %/engine.a,$(ARCHIVES))
$(BUILD)/echdig: $(call obj,$(wildcard tools/echdig/*.c)) $(TOOL_ARCHIVES)
$(BUILD)/echprobe: $(call obj,$(wildcard tools/echprobe/*.c)) $(BUILD)/tools/reason_table.o $(TOOL_ARCHIVES)
# echshim must start fast, so it links nothing that needs a cryptographic library.
$(BUILD)/echshim: $(call obj,$(wildcard tools/echshim/*.c tools/echshim/show/*.c)) $(BUILD)/supervisor.a $(BUILD)/detour.a $(BUILD)/go.a $(TOOL_ARCHIVES)

# The relay: its parts, for the unit tests too, and its main.
$(BUILD)/relay.a: $(call obj,$(filter-out tools/relay/main.c,$(wildcard tools/relay/*.c)))
$(RELAY_BUILT): $(call obj,tools/relay/main.c) $(BUILD)/relay.a $(BUILD)/supervisor.a $(TOOL_ARCHIVES)

$(BUILD)/tools/reason_table.c: docs/report.md tools/scripts/make-reason-table
	@mkdir -p $(@D)
	$(Q)tools/scripts/make-reason-table $< >$@
$(BUILD)/tools/reason_table.o: $(BUILD)/tools/reason_table.c
	@echo "CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(call obj,$(wildcard tools/*/*.c tools/*/*/*.c)): CPPFLAGS += -DECHSHIM_VERSION='"$(VERSION)"'

# Where the libraries are installed: another LIBDIR makes another program.
LIBDIR_OBJ := $(call obj,$(shell grep -l SHIM_LIBDIR tools/*/*.c))
$(LIBDIR_OBJ): $(BUILD)/libdir
$(LIBDIR_OBJ): CPPFLAGS += -DSHIM_LIBDIR='"$(LIBDIR)"'

$(TOOLS_BUILT) $(RELAY_BUILT):
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS) $(TOOL_LIBS) $(CONF_LIBS) $(LIBC_LIBS)

.PHONY: tools
tools: $(TOOLS_BUILT) $(RELAY_BUILT)

# ---- manual pages, by scdoc; without it they are left out ----
MANUALS := $(if $(shell command -v scdoc),$(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd)))
# A page's folder, by its section: the number at the end of its name.
mandir = $(MANDIR)/man$${page\#\#*.}

.PHONY: man
man: $(MANUALS)
$(BUILD)/man/%: docs/man/%.scd tools/scripts/make-manual $(wildcard README.md docs/*.md)
	@mkdir -p $(@D)
	@echo "MAN $@"
	$(Q)tools/scripts/make-manual $< >$@.scd && scdoc <$@.scd >$@

# ---- pictures: drawings, and the recorded demonstration ----
.PHONY: drawings demo-picture
drawings: docs/accepted.svg docs/rejected.svg docs/house.svg docs/hello.svg
docs/accepted.svg docs/rejected.svg: docs/drawings/handshakes.seq tools/scripts/draw-sequence
	tools/scripts/draw-sequence $< $(if $(findstring accepted,$@),1,2) >$@
docs/house.svg docs/hello.svg: docs/%.svg: docs/drawings/%.seq tools/scripts/draw-sequence
	tools/scripts/draw-sequence $< >$@

demo-picture: demo-build
	@mkdir -p $(BUILD)
	tools/scripts/record-terminal 'make demo' docs/demo.svg $(BUILD)/demo.txt
	{ printf '# The demonstration\n\nThe output of `make demo`. `make demo-picture` recorded it, also as a [picture](demo.svg):\n\n```\n'; \
	    sed '/^setup.sh: /d' $(BUILD)/demo.txt; echo '```'; } >docs/demo.md

# ---- completions, from the same pages ----
COMPLETED := $(patsubst docs/man/%.1.scd,%,$(wildcard docs/man/*.1.scd))
COMPLETIONS := $(foreach shell,bash zsh fish,$(addprefix $(BUILD)/completions/$(shell)/,$(COMPLETED)))
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d

.PHONY: completions install-completions uninstall-completions
completions: $(COMPLETIONS)

# $(BUILD)/completions/SHELL/TOOL
define COMPLETION_RULE
$(BUILD)/completions/$(1)/%: docs/man/%.1.scd tools/scripts/make-completions
	@mkdir -p $$(@D)
	$$(Q)tools/scripts/make-completions $(1) $$< >$$@
endef
$(foreach shell,bash zsh fish,$(eval $(call COMPLETION_RULE,$(shell))))

install-completions: completions
	for tool in $(COMPLETED); do \
	    install -D -m 0644 $(BUILD)/completions/bash/$$tool $(DESTDIR)$(BASH_COMPLETIONS)/$$tool && \
	    install -D -m 0644 $(BUILD)/completions/zsh/$$tool $(DESTDIR)$(ZSH_COMPLETIONS)/_$$tool && \
	    install -D -m 0644 $(BUILD)/completions/fish/$$tool $(DESTDIR)$(FISH_COMPLETIONS)/$$tool.fish || exit 1; \
	done

uninstall-completions:
	for tool in $(COMPLETED); do rm -f $(DESTDIR)$(BASH_COMPLETIONS)/$$tool $(DESTDIR)$(ZSH_COMPLETIONS)/_$$tool \
	    $(DESTDIR)$(FISH_COMPLETIONS)/$$tool.fish; done
