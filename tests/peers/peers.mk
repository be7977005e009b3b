# SPDX-License-Identifier: LGPL-2.1-or-later
# The peers of the tests, and their certificates. They are the same for every kind of build, because the tests are not about them.

PEERS := build/peers
PKI := build/pki/ca.pem
PEER_CFLAGS := -std=gnu11 -g -O2 -Wall -Wextra $(WERROR) -D_GNU_SOURCE -pthread
# BoringSSL as Debian builds it for its Android tools.
BORING_DIR := $(dir $(firstword $(wildcard $(addsuffix /android/libssl.so.0,/usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null) /usr/lib))))
BORING_CFLAGS := -isystem /usr/include/android
BORING_LIBS := -L$(BORING_DIR) -Wl,-rpath,$(BORING_DIR) -l:libssl.so.0 -l:libcrypto.so.0
# That of Debian 11 has no ECH.
BORING_WITH_ECH := $(wildcard /usr/include/android/openssl/hpke.h)
# Peers that were built elsewhere (make check-suites).
LENT_PEERS ?=

# A file with a header is a part that peers share; each other file is a peer.
PEER_PARTS := $(patsubst %.h,%,$(wildcard tests/peers/*.h))
PEER_NAMES := $(patsubst tests/peers/%.c,%,$(filter-out $(addsuffix .c,$(PEER_PARTS)),$(wildcard tests/peers/*.c)))
ifeq ($(BORING_WITH_ECH),)
PEER_PARTS := $(filter-out $(basename $(shell grep -l 'include <openssl/' $(addsuffix .c,$(PEER_PARTS)))),$(PEER_PARTS))
PEER_NAMES := $(filter-out ech_client,$(PEER_NAMES))
endif
# These two are unit tests' servers behind sockets, and link the code under test.
PEERS_OF_UNIT_TESTS := $(PEERS)/accept_server $(PEERS)/bad_resolver

$(PEERS)/%.o: tests/peers/%.c $(wildcard tests/peers/*.h)
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) $(BORING_CFLAGS) -c -o $@ $<

$(PEERS)/parts.a: $(patsubst tests/peers/%,$(PEERS)/%.o,$(PEER_PARTS))
	@rm -f $@
	$(AR) rcs $@ $^

$(filter-out $(if $(SANITIZE),$(PEERS_OF_UNIT_TESTS)),$(addprefix $(PEERS)/,$(filter-out $(LENT_PEERS),$(PEER_NAMES)))): $(PEERS)/%: tests/peers/%.c $(PEERS)/parts.a
	$(CC) $(PEER_CFLAGS) $(PEER_FLAGS) -o $@ $(filter %.c %.a,$^) $(PEER_LIBS)

$(addprefix $(PEERS)/,$(LENT_PEERS)): ;

$(PEERS)/ech_server $(PEERS)/ech_client: private PEER_FLAGS = $(BORING_CFLAGS)
$(PEERS)/ech_server $(PEERS)/ech_client: private PEER_LIBS = $(BORING_LIBS)
$(PEERS)/answer_server: private PEER_LIBS = -lssl -lcrypto
$(PEERS_OF_UNIT_TESTS): private PEER_FLAGS = -Wno-missing-field-initializers -I. $(PKG_CFLAGS) $(shell $(PKG_CONFIG) --cflags criterion jansson)
$(PEERS_OF_UNIT_TESTS): private PEER_LIBS = $(PKG_LIBS) $(CRITERION_LIBS)

ifeq ($(SANITIZE),)
$(PEERS_OF_UNIT_TESTS): $(BUILD)/tests/unit/rig.a $(BUILD)/dns.a $(BUILD)/ech.a $(wildcard tests/unit/*.h)
else
# A sanitized archive would make a sanitized peer.
.PHONY: unsanitized-peers
unsanitized-peers: $(PEERS)/parts.a
	+$(Q)$(MAKE) --no-print-directory SANITIZE= $(PEERS_OF_UNIT_TESTS)
$(PEERS_OF_UNIT_TESTS): unsanitized-peers ;
endif

# The target is the authority's certificate, which is made last. So make repeats a run that did not end.
$(PKI): tests/peers/make-pki.sh
	rm -rf $(@D)
	tests/peers/make-pki.sh $(@D) || { rm -rf $(@D); exit 1; }
