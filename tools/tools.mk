# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs for people. They link the parts of the engine that they need, so none of them needs a library of ours.

TOOL_PKGS := jansson
TOOL_LIBS = $(shell pkg-config --libs $(TOOL_PKGS) 2>/dev/null)
TOOLS_BUILT := $(BUILD)/echshim $(BUILD)/echdig $(BUILD)/echprobe

# A program's own files, and what several have in common.
LOOKUP_TOOL_SRC := $(addprefix tools/,lookup_document.c config_document.c config_input.c config_problem.c code_points.c record_text.c origin.c resolver_link.c configured.c say.c) shim/mode.c $(CONF_SRC)
$(BUILD)/echdig: $(call obj,tools/echdig.c $(LOOKUP_TOOL_SRC) $(ECH_SRC) $(DNS_SRC))
$(BUILD)/echprobe: $(call obj,$(wildcard tools/echprobe.c tools/probe_*.c) $(LOOKUP_TOOL_SRC) $(ECH_SRC) $(DNS_SRC)) \
                   $(BUILD)/tools/reason_table.o

$(BUILD)/tools/reason_table.c: docs/report.md tools/make-reason-table
	@mkdir -p $(@D)
	$(Q)tools/make-reason-table $< >$@
$(BUILD)/tools/reason_table.o: $(BUILD)/tools/reason_table.c
	@echo "CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

# The launcher has to start fast: nothing that needs a cryptographic library.
$(BUILD)/echshim: $(call obj,$(wildcard tools/echshim*.c) $(addprefix tools/,say.c configured.c code_points.c elf_needed.c tls_marks.c) \
                             $(addprefix shim/,mode.c ports.c image.c reach.c report.c journal.c) $(CONF_SRC) ech/config.c ech/wire.c dns/resolver.c dns/resolv_conf.c dns/name.c shim/config_list.c)
$(addprefix $(BUILD)/tools/,echshim.o echdig.o echprobe.o): CPPFLAGS += -DECHSHIM_VERSION='"$(VERSION)"'

# Where the libraries are installed: another LIBDIR makes another program.
$(BUILD)/tools/echprobe.o $(BUILD)/tools/echshim_library.o: $(BUILD)/libdir
$(BUILD)/tools/echprobe.o $(BUILD)/tools/echshim_library.o: CPPFLAGS += -DSHIM_LIBDIR='"$(LIBDIR)"'

$(TOOLS_BUILT):
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(PKG_LIBS) $(TOOL_LIBS) $(CONF_LIBS)

.PHONY: tools
tools: $(TOOLS_BUILT)

# ---- manual pages, by scdoc; without it they are left out ----
MANUALS := $(if $(shell command -v scdoc),$(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd)))
# A page's folder, by its section: the number at the end of its name.
mandir = $(MANDIR)/man$${page\#\#*.}

.PHONY: man
man: $(MANUALS)
$(BUILD)/man/%: docs/man/%.scd tools/make-manual $(wildcard README.md docs/*.md)
	@mkdir -p $(@D)
	@echo "MAN $@"
	$(Q)tools/make-manual $< >$@.scd && scdoc <$@.scd >$@

# ---- pictures: of a text, and of a run ----
.PHONY: drawings demo-picture
drawings: docs/accepted.svg docs/rejected.svg
docs/accepted.svg docs/rejected.svg: docs/drawings/handshakes.seq tools/draw-sequence
	tools/draw-sequence $< $(if $(findstring accepted,$@),1,2) >$@

demo-picture: demo-build
	@mkdir -p $(BUILD)
	tools/record-terminal 'make demo' docs/demo.svg $(BUILD)/demo.txt
	{ printf '# The demonstration\n\nA run of `make demo`, as `make demo-picture` recorded it (also as a [picture](demo.svg)):\n\n```\n'; \
	    cat $(BUILD)/demo.txt; echo '```'; } >docs/demo.md
	tools/fill-readme

# ---- completions, of the same pages ----
COMPLETED := $(patsubst docs/man/%.1.scd,%,$(wildcard docs/man/*.1.scd))
COMPLETIONS := $(foreach shell,bash zsh fish,$(addprefix $(BUILD)/completions/$(shell)/,$(COMPLETED)))
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d

.PHONY: completions install-completions uninstall-completions
completions: $(COMPLETIONS)

# $(BUILD)/completions/SHELL/TOOL
define COMPLETION_RULE
$(BUILD)/completions/$(1)/%: docs/man/%.1.scd tools/make-completions
	@mkdir -p $$(@D)
	$$(Q)tools/make-completions $(1) $$< >$$@
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
