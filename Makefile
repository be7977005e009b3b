# SPDX-License-Identifier: LGPL-2.1-or-later
#
# make help lists the targets. CC=clang and SANITIZE=address,undefined build in their own folders, so that kinds of
# build never mix.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/libechshim
DESTDIR ?=
VERSION := 0.2.0
CC ?= cc
# To build for another machine, give all three: make CC=aarch64-linux-gnu-gcc PKG_CONFIG=aarch64-linux-gnu-pkg-config ...
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy
OPTIMIZE ?= -O2
WERROR ?= -Werror
SANITIZE ?=
# V=1 shows whole command lines.
V ?=
Q := $(if $(V),,@)
FUZZ_SECS ?= 60
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
# check, lint and demo install missing packages with this; SETUP=: installs nothing.
SETUP ?= tools/scripts/setup.sh
# The -j for a make within a make, unless the caller chose one.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
# Plain make uses all processors. A -j of the caller has precedence, and a make below another one takes that one's.
ifeq ($(MAKELEVEL)$(filter-out all,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(JOBS)
endif

.DEFAULT_GOAL := all
comma := ,
KIND := $(notdir $(firstword $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
BUILD ?= build$(if $(filter-out cc gcc,$(KIND)),/$(KIND))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef \
            -Wpointer-arith -Wcast-qual -Wwrite-strings
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection -mbranch-protection=standard \
             -fno-strict-aliasing \
             $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# Gives the flag if the compiler knows it: not every architecture and version does.
try = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null >/dev/null 2>&1 && echo $(1))
HARDENING := $(foreach flag,$(HARDENING),$(call try,$(flag)))

PKGS := gnutls nettle hogweed gmp ldns libnghttp2
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)

CPPFLAGS += -I. -D_GNU_SOURCE
CFLAGS_ALL = -std=gnu11 -g $(OPTIMIZE) $(WARNINGS) $(WERROR) $(HARDENING) $(SANFLAGS) -fvisibility=hidden -fPIC -pthread \
             $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = -Wl,-z,relro,-z,now,-z,nodelete,-z,noexecstack -Wl,--as-needed -pthread $(SANFLAGS) $(LDFLAGS)
# A sanitized library takes its runtime from the program, so its symbols stay open.
LDFLAGS_SHARED = -shared $(LDFLAGS_ALL) $(if $(SANITIZE),,-Wl,-z,defs)

# ---- what is built from what ----
# A folder is a link unit: its sources are all files in it. Four of them are archives, from which tools and tests take
# what they need. The stub is no archive: a linker would leave out its constructor, because nothing refers to it.
ECH_SRC := $(wildcard ech/*.c)
DNS_SRC := $(wildcard dns/*.c dns/*/*.c)
COMMON_SRC := $(wildcard shim/common/*.c)
ENGINE_SRC := $(wildcard shim/engine/*.c shim/engine/*/*.c)
STUB_SRC := $(wildcard shim/stub/*.c)
MODULE_SRC := $(wildcard shim/nss/*.c)
# Each archive uses only the archives after it.
ARCHIVES := $(addprefix $(BUILD)/,engine.a common.a dns.a ech.a)
# inih reads the configuration files. It is linked into our library and not exported: the program may have its own.
CONF_LIBS := -l:libinih.a
# Parts of the C library since glibc 2.34, and libraries of their own before.
LIBC_LIBS := -Wl,--push-state,--as-needed -ldl -lutil -lrt -lanl -Wl,--pop-state

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

# The stub is never sanitized: the sanitizer's start calls dlsym, which is the stub's, before there is a shadow memory.
# valgrind checks the stub.
$(call obj,$(STUB_SRC) $(MODULE_SRC) $(COMMON_SRC) dns/host_name.c dns/resolver_items.c): SANFLAGS :=
$(BUILD)/libechshim.so $(BUILD)/libnss_echshim.so.2: private SANFLAGS :=

$(BUILD)/ech.a: $(call obj,$(ECH_SRC))
$(BUILD)/dns.a: $(call obj,$(DNS_SRC))
$(BUILD)/common.a: $(call obj,$(COMMON_SRC))
$(BUILD)/engine.a: $(call obj,$(ENGINE_SRC))
$(BUILD)/%.a:
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# The C library prescribes the last name.
LIBS_BUILT := $(addprefix $(BUILD)/,libechshim.so libechshim-engine.so libechshim-ldns.so libnss_echshim.so.2)

.PHONY: all
all: $(LIBS_BUILT) tools man completions
ifeq ($(PKG_LIBS)$(filter-out all install,$(or $(MAKECMDGOALS),all)),)
$(warning not all of $(PKGS) are here; on Debian: tools/scripts/setup.sh build)
endif

# The folder in which the stub looks for the engine if the engine is not beside it. It is compiled in, so another LIBDIR
# makes another stub.
$(BUILD)/libdir: FORCE
	@mkdir -p $(@D)
	@echo '$(LIBDIR)' | cmp -s - $@ || echo '$(LIBDIR)' >$@
# With -fexceptions a cancelled wait cleans up by unwinding the stack, not by a list that a jump would leave behind.
$(BUILD)/shim/engine/base/section.o: CFLAGS_ALL += -fexceptions
# On 32 bits a package's flags may give the names with "64" to functions of large files. These files define both kinds.
$(addprefix $(BUILD)/shim/stub/hooks_,write.o write_more.o): CFLAGS_ALL += -U_FILE_OFFSET_BITS -U_TIME_BITS
$(BUILD)/shim/stub/load_engine.o: $(BUILD)/libdir
$(BUILD)/shim/stub/load_engine.o: CPPFLAGS += -DSHIM_LIBDIR='"$(LIBDIR)"'
.PHONY: FORCE
FORCE:

# -Bsymbolic-functions: the library uses its own functions, whatever the program exports.
# An anonymous version node: with a named one the hooks would not satisfy SSL_CTX_new@OPENSSL_3.0.0.
$(BUILD)/exports.map: shim/common/hooks.def
	@mkdir -p $(@D)
	$(Q){ echo '{ global:'; sed -n 's/^HOOK(\([A-Za-z0-9_]*\),.*/    \1;/p' $<; echo 'local: *; };'; } > $@

$(BUILD)/libechshim.so: $(call obj,$(STUB_SRC)) $(BUILD)/common.a $(BUILD)/dns.a $(BUILD)/exports.map
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_SHARED) -Wl,-Bsymbolic-functions -Wl,-soname,libechshim.so -Wl,--version-script=$(BUILD)/exports.map -o $@ \
	    $(filter %.o %.a,$^) $(CONF_LIBS) $(LIBC_LIBS)

# The engine's only entry needs everything else. Its own calls of hooked functions go to shim/engine/base/own_nettle.c.
$(BUILD)/libechshim-engine.so: $(ARCHIVES) shim/engine/engine.map
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_SHARED) -Wl,-soname,libechshim-engine.so -Wl,--version-script=shim/engine/engine.map -o $@ \
	    -Wl,-u,shim_engine_start -Wl,--wrap=nettle_curve25519_mul_g,--wrap=nettle_curve448_mul_g $(ARCHIVES) $(PKG_LIBS) $(LIBC_LIBS)

# What needs ldns. The engine loads it with the first question.
$(BUILD)/libechshim-ldns.so: $(BUILD)/dns/ldns.o dns/ldns.map
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_SHARED) -Wl,-soname,$(@F) -Wl,--version-script=dns/ldns.map -o $@ $< $(PKG_LIBS)

$(BUILD)/libnss_echshim.so.2: $(call obj,$(MODULE_SRC)) shim/nss/module.map
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS_SHARED) -Wl,-soname,$(@F) -Wl,--version-script=shim/nss/module.map -o $@ $(call obj,$(MODULE_SRC))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

include tools/tools.mk
include tests/tests.mk
include tools/lint.mk

# The files that README.md points to are installed with it.
DOCS := README.md CHANGELOG.md CONTRIBUTING.md LICENSE $(wildcard docs/*.*) $(wildcard docs/examples/*)

.PHONY: install uninstall
install: all install-completions
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR)/docs/examples
	install -m 0644 $(LIBS_BUILT) $(DESTDIR)$(LIBDIR)
	install -m 0755 $(TOOLS_BUILT) $(DESTDIR)$(BINDIR)
	install -D -m 0755 $(RELAY_BUILT) $(DESTDIR)$(LIBEXECDIR)/$(notdir $(RELAY_BUILT))
	for page in $(MANUALS); do install -D -m 0644 $$page $(DESTDIR)$(call mandir,$$page)/$${page##*/} || exit 1; done
	for file in $(DOCS); do install -m 0644 $$file $(DESTDIR)$(DOCDIR)/$$file || exit 1; done

uninstall: uninstall-completions
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(LIBS_BUILT))) $(addprefix $(DESTDIR)$(BINDIR)/,$(notdir $(TOOLS_BUILT)))
	rm -f $(DESTDIR)$(LIBEXECDIR)/$(notdir $(RELAY_BUILT))
	for page in $(notdir $(MANUALS)); do rm -f $(DESTDIR)$(call mandir,$$page)/$$page; done
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,$(DOCS))
	-[ ! -d $(DESTDIR)$(DOCDIR) ] || rmdir $(DESTDIR)$(DOCDIR)/docs/examples $(DESTDIR)$(DOCDIR)/docs $(DESTDIR)$(DOCDIR)

# The archive of a release, and whether it builds, without git, and gives itself again.
DIST := $(BUILD)/libechshim-$(VERSION).tar.gz
.PHONY: dist check-dist
dist:
	@mkdir -p $(BUILD)
	@tools/scripts/make-dist $(VERSION) $(BUILD)

check-dist: dist
	@tests/dist.sh $(DIST) $(MAKE)

# Also removes what killed tests left behind; a running test is younger than an hour.
.PHONY: clean
clean:
	rm -rf build
	-find $${TMPDIR:-/tmp} -maxdepth 1 -name 'echshim-test.*' -user "$$(id -un)" -mmin +60 -exec rm -rf {} +

# One screen: the daily needs of users and contributors. docs/testing.md has every target.
.PHONY: help
help:
	@echo 'To use it:'
	@echo '  make                 builds the libraries, the tools and the manual pages, in $(BUILD)'
	@echo '  make install         PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) BINDIR=$(BINDIR) DESTDIR=$(DESTDIR)'
	@echo '  make uninstall       removes what make install installed'
	@echo '  make packages        builds and tries Debian packages'
	@echo '  make dist            makes the archive of a release; make check-dist builds it without git'
	@echo '  make demo            shows what an observer reads of wget and curl, without the shim and with it'
	@echo "  make playground      opens a shell in that network; RUN='echdig secret.example.org' runs one command"
	@echo
	@echo 'To change it:'
	@echo '  make check           runs all tests; first installs the packages that they need (SETUP=: does not)'
	@echo "  make check-unit      runs the unit tests; build/unit-tests --filter 'config/*' runs some of them"
	@echo "  make check-preload   runs programs under the shim; PRELOAD_FILTER='programs/*' selects"
	@echo "  make check-tools     tests the tools; LAUNCHER_FILTER='report/*' selects among the launcher's tests"
	@echo '  make lint            checks format, order of folders, circles, words, documents; runs clang-tidy, cppcheck'
	@echo '  make fuzz            fuzzes every parser for FUZZ_SECS=60 seconds each'
	@echo '  make bench           measures what the shim costs; BENCH_FILTER=bench/start selects'
	@echo '  make drawings        draws the pictures in docs/ from docs/drawings'
	@echo '  make clean           removes build/'
	@echo
	@echo 'CC=clang chooses the compiler, SANITIZE=address,undefined the sanitizers; WERROR= lets warnings pass; V=1 shows'
	@echo 'whole commands. All other targets, and how the tests work: docs/testing.md'

# Without the folders of other releases' roots.
-include $(shell find $(BUILD) \( -name suites -o -name programs-in \) -prune -o -name '*.d' -print 2>/dev/null)
