# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs for people. They link the parts of the engine that they need, so none of them needs a library of ours.

TOOL_PKGS := jansson
TOOL_LIBS = $(shell pkg-config --libs $(TOOL_PKGS) 2>/dev/null)
TOOLS_BUILT := $(BUILD)/echdig

# A program's own file, and what several have in common.
$(BUILD)/echdig: $(call obj,$(addprefix tools/,echdig.c lookup_document.c config_document.c config_input.c code_points.c \
                     record_text.c) $(ECH_SRC) $(DNS_SRC))

$(TOOLS_BUILT):
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(PKG_LIBS) $(TOOL_LIBS)

.PHONY: tools
tools: $(TOOLS_BUILT)
