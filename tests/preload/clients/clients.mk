# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs that run under the shim, the same for every kind of build.

CLIENTS ?= build/clients
CLIENT_DIR := tests/preload/clients
CLIENT_CC = mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -DOPENSSL_API_COMPAT=30000 -o $@ $(filter %.c %.so,$^) $(LIBC_LIBS)
CLIENT_COMMON := $(CLIENT_DIR)/client.c $(wildcard $(CLIENT_DIR)/*.h tests/*.h)

# -rdynamic: libsteps.so finds run_again by name.
$(CLIENTS)/openssl_client: $(addprefix $(CLIENT_DIR)/openssl_,buffered.c client.c common.c edge.c late.c many.c midway.c storage.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -lssl -lcrypto

# What OpenSSL's archives need besides themselves. It differs between releases (zlib and zstd in Debian 13).
OPENSSL_ARCHIVES_NEED = $(filter-out -lssl -lcrypto,$(shell $(PKG_CONFIG) --static --libs libssl libcrypto 2>/dev/null)) -ldl

# A TLS library linked into the program, where no hook sees it.
$(CLIENTS)/openssl_static: $(addprefix $(CLIENT_DIR)/openssl_,buffered.c client.c common.c edge.c late.c many.c midway.c storage.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -l:libssl.a -l:libcrypto.a $(OPENSSL_ARCHIVES_NEED)

# A TLS library linked into the program, and exported: the functions that the adapter asks for, and all of libssl. The
# programs inside_ODD are for tests/preload/test_inside.c.
INSIDE_SRC := $(addprefix $(CLIENT_DIR)/openssl_,buffered.c client.c common.c edge.c late.c many.c midway.c storage.c)
INSIDE_LINK = -rdynamic $(CLIENTS)/inside.ld -Wl,--whole-archive -l:libssl.a -Wl,--no-whole-archive -l:libcrypto.a $(OPENSSL_ARCHIVES_NEED)
INSIDE_ODD := data ifunc short padded loop start breakpoint alias registers boringssl thread
clients: $(CLIENTS)/openssl_inside
peers: $(CLIENTS)/openssl_inside_fixed $(CLIENTS)/forbid
$(CLIENTS)/forbid: $(CLIENT_DIR)/forbid.c
	$(CLIENT_CC)
$(CLIENTS)/inside.ld: shim/engine/openssl/openssl.h shim/engine/bio/bio_filter.h
	@mkdir -p $(@D)
	sed -n 's/^    F(\([A-Za-z0-9_]*\)).*/EXTERN(\1)/p' $^ >$@
$(CLIENTS)/openssl_inside: $(INSIDE_SRC) $(CLIENT_COMMON) $(CLIENTS)/inside.ld
	$(CLIENT_CC) $(INSIDE_LINK)
# At a fixed address, and without endbr64 in its own code.
$(CLIENTS)/openssl_inside_fixed: $(INSIDE_SRC) $(CLIENT_COMMON) $(CLIENTS)/inside.ld
	$(CLIENT_CC) -no-pie -fno-pie $(INSIDE_LINK)
ifeq ($(shell uname -m),x86_64)
peers: $(addprefix $(CLIENTS)/inside_,$(INSIDE_ODD))
endif
upper = $(shell echo $(1) | tr a-z A-Z)
$(CLIENTS)/inside_%: $(INSIDE_SRC) $(CLIENT_DIR)/inside_odd.c $(CLIENT_COMMON) $(CLIENTS)/inside.ld
	$(CLIENT_CC) -DODD_$(call upper,$*) $(INSIDE_LINK)

$(CLIENTS)/small_stack: $(addprefix $(CLIENT_DIR)/,small_stack.c openssl_common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto -lgnutls

$(CLIENTS)/openssl_locked: $(addprefix $(CLIENT_DIR)/openssl_,locked.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

# Libraries in place of lib25519 and libsodium, for tests/preload/test_x25519.c, and the loops of handshakes of tests/bench.
clients: $(foreach kind,right wrong half,$(CLIENTS)/lib25519-$(kind)/lib25519.so.1) $(CLIENTS)/loop_openssl $(CLIENTS)/loop_gnutls
clients: $(foreach kind,right wrong half failed,$(CLIENTS)/libsodium-$(kind)/libsodium.so.23)
$(CLIENTS)/lib25519-%/lib25519.so.1: $(CLIENT_DIR)/other25519.c
	$(CLIENT_CC) -shared -fPIC -D$(call upper,$*) -Wl,-soname,$(@F) -lhogweed -lnettle
$(CLIENTS)/libsodium-%/libsodium.so.23: $(CLIENT_DIR)/other25519.c
	$(CLIENT_CC) -shared -fPIC -DSODIUM -D$(call upper,$*) -Wl,-soname,$(@F) -lhogweed -lnettle

clients: $(CLIENTS)/pending
$(CLIENTS)/pending: $(CLIENT_DIR)/pending.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

clients: $(CLIENTS)/prepared
$(CLIENTS)/prepared: $(CLIENT_DIR)/prepared.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/openssl_api: $(addprefix $(CLIENT_DIR)/openssl_,api.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

# BoringSSL, if it is here.
peers: $(if $(BORING_DIR),$(CLIENTS)/boringssl_client)
$(CLIENTS)/boringssl_client: $(addprefix $(CLIENT_DIR)/boringssl_,client.c settings.c) $(CLIENT_COMMON)
	$(CLIENT_CC) $(BORING_CFLAGS) $(BORING_LIBS)

# Mozilla's NSS, if its headers are here.
NSS_CFLAGS = $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags nss 2>/dev/null))
clients: $(if $(NSS_CFLAGS),$(CLIENTS)/nss_client)
$(CLIENTS)/nss_client: $(addprefix $(CLIENT_DIR)/nss_,client.c common.c many.c stacks.c) $(CLIENT_COMMON)
	$(CLIENT_CC) $(NSS_CFLAGS) -lssl3 -lsmime3 -lnss3 -lnssutil3 -lnspr4

# OpenSSL 4.0, of make suites: its programs run in that root, with that root's loader.
SID_LIBS := $(wildcard $(addprefix build/suites/sid-openssl4/usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null)/,libssl.so.4 libcrypto.so.4))
clients: $(if $(word 2,$(SID_LIBS)),$(CLIENTS)/openssl4_client)
$(CLIENTS)/openssl4_client: $(CLIENT_DIR)/openssl4_client.c $(CLIENT_DIR)/openssl_common.c $(CLIENT_COMMON) $(SID_LIBS)
	mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -Wno-deprecated-declarations -o $@ $(filter %.c,$^) $(SID_LIBS) -Wl,--allow-shlib-undefined

# More loops, for test_cost.c (tests/bench/bench.mk).
clients: $(addprefix $(CLIENTS)/loop_,$(if $(word 2,$(SID_LIBS)),openssl4) $(if $(NSS_CFLAGS),nss) $(if $(and $(BORING_DIR),$(BORING_WITH_ECH)),boringssl))

# One source, built with each library.
clients: $(addprefix $(CLIENTS)/refused_calls,_openssl $(if $(BORING_DIR),_boringssl) $(if $(word 2,$(SID_LIBS)),_openssl4))
$(CLIENTS)/refused_calls_openssl: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto
$(CLIENTS)/refused_calls_boringssl: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON)
	$(CLIENT_CC) $(BORING_CFLAGS) $(BORING_LIBS)
$(CLIENTS)/refused_calls_openssl4: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON) $(SID_LIBS)
	mkdir -p $(@D) && $(CC) $(PEER_CFLAGS) -Wno-deprecated-declarations -o $@ $(filter %.c,$^) $(SID_LIBS) -Wl,--allow-shlib-undefined

$(CLIENTS)/openssl_downgrade: $(addprefix $(CLIENT_DIR)/openssl_,downgrade.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/guard_client $(CLIENTS)/guard_ways $(CLIENTS)/guard_inner $(CLIENTS)/guard_locked: $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC)

clients: $(addprefix $(CLIENTS)/jump_,client downgrade resolv_conf)
$(CLIENTS)/jump_client $(CLIENTS)/jump_downgrade: $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto -lgnutls

# They have a TLS library and do not use it, like a program before its first handshake.
$(CLIENTS)/jump_resolv_conf $(CLIENTS)/names_client: $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC) -Wl,--no-as-needed -lssl

$(CLIENTS)/libopenssl_ctor.so: $(addprefix $(CLIENT_DIR)/openssl_,ctor.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -Wl,-soname,$(@F) -lssl -lcrypto

$(CLIENTS)/openssl_ctor: $(CLIENT_DIR)/openssl_ctor_main.c $(CLIENTS)/libopenssl_ctor.so
	$(CLIENT_CC) -Wl,-rpath,'$$ORIGIN'

$(CLIENTS)/libopenssl_plugin.so: $(addprefix $(CLIENT_DIR)/openssl_,plugin.c common.c) $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -Wl,-soname,$(@F) -lssl -lcrypto

$(CLIENTS)/libwrap_connect.so: $(CLIENT_DIR)/wrap_connect.c
	$(CLIENT_CC) -shared -fPIC -ldl

$(CLIENTS)/libred_stderr.so $(CLIENTS)/libtls_interposer.so $(CLIENTS)/libinterposer.so $(CLIENTS)/libinterposer_helper.so $(CLIENTS)/libdlsym_hook.so \
$(CLIENTS)/liballocator.so $(CLIENTS)/liballocations.so $(CLIENTS)/libforeign.so $(CLIENTS)/libkeys_interposer.so: $(CLIENTS)/lib%.so: $(CLIENT_DIR)/%.c
	$(CLIENT_CC) -shared -fPIC -fno-builtin -ldl

$(CLIENTS)/libnode_addon.so: $(CLIENT_DIR)/node_addon.c $(CLIENT_COMMON)
	$(CLIENT_CC) -shared -fPIC -ldl

# A program that contains OpenSSL and exports all of it.
$(CLIENTS)/loader_exports: $(CLIENT_DIR)/loader_client.c $(CLIENT_COMMON) $(CLIENTS)/inside.ld
	$(CLIENT_CC) $(INSIDE_LINK) -Wl,-rpath,'$$ORIGIN'

# Not fortified: it defines the functions that fortified code calls.
$(CLIENTS)/libsteps.so: $(wildcard $(CLIENT_DIR)/steps*.c $(CLIENT_DIR)/steps*.h)
	$(CLIENT_CC) -shared -fPIC -ldl -U_FORTIFY_SOURCE

$(CLIENTS)/loader_client: $(CLIENT_DIR)/loader_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -ldl -Wl,-rpath,'$$ORIGIN' -Wl,--enable-new-dtags

$(CLIENTS)/gnutls_client: $(CLIENT_DIR)/gnutls_client.c $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -lgnutls

GNUTLS_ODD_CLIENTS := $(addprefix $(CLIENTS)/gnutls_,edge callbacks late api jumps)
$(GNUTLS_ODD_CLIENTS): $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_DIR)/gnutls_common.c $(CLIENT_COMMON)
	$(CLIENT_CC) -rdynamic -lgnutls

# Clients of libraries that the shim only recognizes, where those are installed.
HEADER_DIRS := /usr/include /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
OTHER_CLIENTS := $(foreach pair,mbedtls/ssl.h:mbedtls_client wolfssl/ssl.h:wolfssl_client bearssl.h:bearssl_client \
                     gnutls/openssl.h:gnutls_as_openssl,\
                     $(if $(wildcard $(addsuffix /$(word 1,$(subst :, ,$(pair))),$(HEADER_DIRS))),$(CLIENTS)/$(word 2,$(subst :, ,$(pair)))))
peers: $(OTHER_CLIENTS)
$(CLIENTS)/mbedtls_client: CLIENT_LIBS := -lmbedtls -lmbedx509 -lmbedcrypto
$(CLIENTS)/wolfssl_client: CLIENT_LIBS := -lwolfssl
$(CLIENTS)/bearssl_client: CLIENT_LIBS := -lbearssl
$(CLIENTS)/gnutls_as_openssl: CLIENT_LIBS := -lgnutls-openssl -lgnutls
$(OTHER_CLIENTS): $(CLIENTS)/%: $(CLIENT_DIR)/%.c $(CLIENT_COMMON)
	$(CLIENT_CC) -Wno-deprecated-declarations $(CLIENT_LIBS)

# TLS libraries as applications ship them. Without patchelf, suite `copies` is skipped.
COPIES := $(dir $(CLIENTS))copies
$(COPIES)/made: $(CLIENT_DIR)/make-copies.sh
	rm -rf $(@D)
	PKG_CONFIG='$(PKG_CONFIG)' $< $(@D) $(CC)
clients: $(if $(shell command -v patchelf),$(COPIES)/made) $(CLIENTS)/copies
$(CLIENTS)/copies: $(CLIENT_DIR)/copies.c $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto -lgnutls -ldl

$(CLIENTS)/soak_openssl: $(addprefix $(CLIENT_DIR)/soak,_openssl.c .c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lssl -lcrypto

$(CLIENTS)/soak_gnutls: $(addprefix $(CLIENT_DIR)/soak,_gnutls.c .c) $(CLIENT_COMMON)
	$(CLIENT_CC) -lgnutls

$(CLIENTS)/%_dlopen: $(CLIENT_DIR)/%_dlopen.c $(CLIENT_COMMON)
	$(CLIENT_CC) -ldl

.PHONY: peers clients
clients: $(GNUTLS_ODD_CLIENTS) $(CLIENTS)/openssl_api
clients: $(addprefix $(CLIENTS)/,guard_ways guard_inner guard_locked openssl_locked)
peers: clients $(addprefix $(PEERS)/,$(PEER_NAMES)) $(PKI)
clients: $(addprefix $(CLIENTS)/,openssl_client openssl_dlopen openssl_ctor openssl_static openssl_downgrade small_stack guard_client names_client \
                                 gnutls_client gnutls_dlopen libasan_first.so libopenssl_plugin.so \
                                 libwrap_connect.so libred_stderr.so libinterposer.so libinterposer_helper.so libdlsym_hook.so liballocator.so liballocations.so libforeign.so \
                                 libnode_addon.so libtls_interposer.so libkeys_interposer.so loader_exports libsteps.so soak_openssl soak_gnutls loader_client)

$(CLIENTS)/libasan_first.so: $(CLIENT_DIR)/asan_first.c
	$(CLIENT_CC) -shared -fPIC -Wl,-z,initfirst
