# SPDX-License-Identifier: LGPL-2.1-or-later
# make lint: finds faults without running the code.

LINT_DIRS := ech dns shim
FORMATTED := $(sort $(shell find $(LINT_DIRS) tests tools -name '*.[ch]'))
TIDY_SRC := $(sort $(shell find $(LINT_DIRS) tools -name '*.c'))
TIDY_FLAGS = -std=gnu11 -I. -D_GNU_SOURCE -DSHIM_LIBDIR=\"\" -DECHSHIM_VERSION=\"\" $(PKG_CFLAGS)
# Without the Criterion tests: cppcheck does not understand Criterion's macros.
CPPCHECK_SRC := $(LINT_DIRS) tools tests/peers tests/preload/clients tests/demo

.PHONY: lint
lint:
	$(SETUP) build lint
	$(MAKE) --no-print-directory $(PARALLEL) $(LIBS_BUILT) tools
	@status=0; for part in lint-format check-layers lint-files lint-words lint-manuals lint-docs lint-cppcheck lint-tidy; do \
	    $(MAKE) --no-print-directory $$part || status=1; \
	done; exit $$status

.PHONY: lint-format lint-files lint-words lint-manuals lint-docs lint-cppcheck lint-tidy
lint-format:
	@echo "clang-format: $(words $(FORMATTED)) files"
	@clang-format --dry-run -Werror $(FORMATTED)

lint-files:
	tools/scripts/check-files

lint-words:
	tools/scripts/check-words

lint-manuals: tools
	tools/scripts/check-manuals $(BUILD)

# Files that are made from others, and kept in the tree.
lint-docs:
	tools/scripts/check-links
	tools/scripts/fill-documents --check
	@for part in handshakes:1:accepted handshakes:2:rejected house::house hello::hello; do \
	    number=$${part#*:}; \
	    tools/scripts/draw-sequence docs/drawings/$${part%%:*}.seq $${number%:*} | cmp - docs/$${part##*:}.svg || exit 1; \
	done; echo 'draw-sequence: the drawings are as docs/drawings has them'

lint-cppcheck:
	cppcheck -j$(JOBS) --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
	    -I. -D_GNU_SOURCE -D__$(shell uname -m)__ -D'ElfW(type)=Elf64_\#\#type' $(CPPCHECK_SRC)

# One file a run: with several, clang-tidy 14 wrongly reports uninitialized va_lists. The grep removes its counts of warnings in
# system headers.
lint-tidy:
	@echo "clang-tidy: $(words $(TIDY_SRC)) files"
	@{ printf '%s\n' $(TIDY_SRC) | xargs -P$(JOBS) -n1 sh -c 'clang-tidy --quiet "$$@" -- $(TIDY_FLAGS)' sh 2>&1 || echo failed; } | \
	    { ! grep -vE '^[0-9]+ warnings? generated\.$$'; }
