# SPDX-License-Identifier: LGPL-2.1-or-later
# The preload tests' clients of OpenSSL once more, with the libssl.so.4 of the root of Debian sid (make suites). They use the
# loader and the C library of that root, and all other files of this machine. Without that root nothing here is made.
CLIENTS4 := build/clients-openssl4
SID_ROOT := build/suites/sid-openssl4
SID_LOADER := $(firstword $(wildcard $(SID_ROOT)/lib64/ld-linux-*.so.* $(SID_ROOT)/lib/ld-linux-*.so.*))
# Absolute, without links: the programs run in other folders, and the root may be a link.
real_of = $(shell realpath $(1) 2>/dev/null)
CLIENT4_CC = mkdir -p $(@D) && rm -f $@ && $(CC) $(PEER_CFLAGS) -Wno-deprecated-declarations -o $@ $(filter %.c,$^) $(SID_LIBS) \
             -DFACT_LIBSSL='"libssl.so.4"' -DFACT_LIBSSL_SYMBOLS='"OPENSSL_4.0.0"' -Wl,--allow-shlib-undefined -Wl,--dynamic-linker=$(call real_of,$(SID_LOADER)) \
             -Wl,--disable-new-dtags -Wl,-rpath,$(call real_of,$(dir $(firstword $(SID_LIBS))))

CLIENT4_NAMES := openssl_client openssl_api openssl_dlopen openssl_ctor openssl_downgrade openssl_native refused_calls_openssl \
                 libopenssl_ctor.so soak_openssl
CLIENT4_FILES := $(addprefix $(CLIENTS4)/,$(CLIENT4_NAMES) bin/openssl bin/ovn-nbctl)

$(CLIENTS4)/openssl_client: $(addprefix $(CLIENT_DIR)/openssl_,buffered.c client.c common.c edge.c late.c many.c midway.c storage.c) $(CLIENT_COMMON)
	$(CLIENT4_CC) -rdynamic
$(CLIENTS4)/openssl_native: $(addprefix $(CLIENT_DIR)/openssl_,native.c common.c) $(CLIENT_COMMON)
	$(CLIENT4_CC)
$(CLIENTS4)/openssl_api: $(addprefix $(CLIENT_DIR)/openssl_,api.c common.c) $(CLIENT_COMMON)
	$(CLIENT4_CC)
$(CLIENTS4)/openssl_downgrade: $(addprefix $(CLIENT_DIR)/openssl_,downgrade.c common.c) $(CLIENT_COMMON)
	$(CLIENT4_CC)
$(CLIENTS4)/openssl_dlopen: $(CLIENT_DIR)/openssl_dlopen.c $(CLIENT_COMMON)
	$(CLIENT4_CC)
$(CLIENTS4)/libopenssl_ctor.so: $(addprefix $(CLIENT_DIR)/openssl_,ctor.c common.c) $(CLIENT_COMMON)
	$(CLIENT4_CC) -shared -fPIC -Wl,-soname,$(@F)
$(CLIENTS4)/openssl_ctor: $(CLIENT_DIR)/openssl_ctor_main.c $(CLIENTS4)/libopenssl_ctor.so
	$(CLIENT4_CC) $(CLIENTS4)/libopenssl_ctor.so -Wl,-rpath,'$$ORIGIN'
$(CLIENTS4)/refused_calls_openssl: $(CLIENT_DIR)/refused_calls.c $(CLIENT_COMMON)
	$(CLIENT4_CC)
$(CLIENTS4)/soak_openssl: $(addprefix $(CLIENT_DIR)/soak,_openssl.c .c) $(CLIENT_COMMON)
	$(CLIENT4_CC) -DDISABLED_IS_AN_ERROR
# Programs of that root, under their own names.
$(CLIENTS4)/bin/openssl $(CLIENTS4)/bin/ovn-nbctl: $(CLIENTS4)/bin/%: $(SID_LIBS)
	@mkdir -p $(@D)
	printf '#!/bin/sh\nexec %s --library-path %s %s/usr/bin/%s "$$@"\n' $(call real_of,$(SID_LOADER)) \
	    $(call real_of,$(dir $(firstword $(SID_LIBS)))) $(call real_of,$(SID_ROOT)) $(@F) >$@
	chmod +x $@
# valgrind finds the symbols of that loader only in its debug information (libc6-dbg), here by the name that the file gives.
SID_DEBUG ?= $(SID_ROOT)/usr/lib/debug
$(CLIENTS4)/.debug: $(SID_LIBS)
	for file in $(call real_of,$(SID_LOADER)) $(call real_of,$(dir $(firstword $(SID_LIBS))))/libc.so.6; do \
	    id=$$(readelf -n "$$file" | sed -n 's/.*Build ID: //p'); \
	    name=$$(readelf --string-dump=.gnu_debuglink "$$file" | sed -n 's/^ *\[.*\] *//p' | head -n 1); \
	    symbols=$$(realpath -m $(SID_DEBUG))/.build-id/$$(echo "$$id" | sed 's/^../&\//').debug; \
	    [ -e "$$symbols" ] || continue; \
	    mkdir -p "$(CLIENTS4)/debug$${file%/*}" && ln -sfn "$$symbols" "$(CLIENTS4)/debug$${file%/*}/$$name"; \
	done
	touch $@
# The clients of other libraries, as they are.
$(CLIENTS4)/.others: $(CLIENT4_FILES) $(CLIENTS4)/.debug $(wildcard $(CLIENTS)/*)
	for file in $(CLIENTS)/*; do \
	    case " $(CLIENT4_NAMES) " in *" $${file##*/} "*) ;; *) ln -sfn "$$(realpath "$$file")" $(CLIENTS4)/ ;; esac; \
	done
	touch $@

# What the shim does with OpenSSL, by OpenSSL 4 in place of this machine's; tests/facts.h says which tests cannot hold. Some
# minutes. OPENSSL4_FILTER=$(OPENSSL4_SHORT) is what make interop runs.
either = @($(subst $(empty) ,|,$(strip $(1))))
OPENSSL4_SUITES := retry retry_rules disabled impostor reject hostile grease grease_own grease_answers strict accepted second_hello \
                   edges api certificates small_stacks jumps valgrind soak endpoints outer_name \
                   likeness likeness_own nameless name_answered unsolicited tls12
OPENSSL4_FILTER ?= $(call either,openssl4/* openssl/* early_data/* $(call either,$(OPENSSL4_SUITES))/*$(call either,openssl s_client epoll)*)
OPENSSL4_SHORT = $(call either,openssl4/* likeness/*s_client* retry/*_s_client* strict/*openssl* early_data/* valgrind/openssl soak/openssl \
                   openssl/$(call either,direct* bio_* memory* epoll* threads fork resume dlopen late_*name*))
.PHONY: check-openssl4
ifeq ($(word 2,$(SID_LIBS)),)
check-openssl4:
	@echo 'check-openssl4: skipped: no root with OpenSSL 4 in build/suites/sid-openssl4 (make suites makes it)'
else
check-openssl4: $(LIBS_BUILT) $(PRELOAD_TESTS) peers tools
	$(MAKE) --no-print-directory $(CLIENTS4)/.others
	ECHSHIM_TEST_CLIENTS=$(abspath $(CLIENTS4)) PATH=$(abspath $(CLIENTS4))/bin:$$PATH \
	    $(PRELOAD_RUN) --filter '$(OPENSSL4_FILTER)'
endif

# The tests of the libraries with ECH of their own, by the way that the program calls them: writes docs/styles.md.
STYLES := build/styles
STYLES_OPENSSL4 = $(call either,openssl4/* openssl/* early_data/* retry/*openssl* strict/no_record_s_client)
STYLES_OTHERS = $(call either,nss*/* boringssl*/*)
.PHONY: styles
styles:
	@mkdir -p $(STYLES)
	-$(MAKE) --no-print-directory check-openssl4 OPENSSL4_FILTER='$(STYLES_OPENSSL4)' PRELOAD_JOBS='$(PRELOAD_JOBS) --json=$(STYLES)/openssl4.json'
	-$(PRELOAD_RUN) --json=$(STYLES)/others.json --filter '$(STYLES_OTHERS)'
	tests/preload/styles.py docs/styles.md $(STYLES)/openssl4.json $(STYLES)/others.json
