# SPDX-License-Identifier: LGPL-2.1-or-later
# BoringSSL's tests once more, with AWS-LC, which has BoringSSL's interface. Debian has no shared AWS-LC: tools/scripts/awslc.sh makes one.
AWSLC := build/aws-lc
CLIENTS_AWSLC := build/clients-aws-lc
# What AWS-LC's defaults do not have: it sends shares of two groups, and takes no compressed certificates.
AWSLC_FILTER ?= @(boringssl_client|boringssl_failures)/!(*compressed_certificate*|*share*|*resume*|*resumed*|*early*)

.PHONY: check-awslc
check-awslc: $(LIBS_BUILT) $(PRELOAD_TESTS) peers tools
	tools/scripts/awslc.sh $(AWSLC) build/suites/sid
	[ ! -e $(AWSLC)/lib/libssl.so ] || $(MAKE) --no-print-directory check-awslc-made

.PHONY: check-awslc-made
check-awslc-made: $(CLIENTS_AWSLC)/boringssl_client
	for file in $(CLIENTS)/*; do \
	    [ "$${file##*/}" = boringssl_client ] || ln -sfn "$$(realpath "$$file")" $(CLIENTS_AWSLC)/; \
	done
	ECHSHIM_TEST_CLIENTS=$(abspath $(CLIENTS_AWSLC)) $(PRELOAD_RUN) --filter '$(AWSLC_FILTER)'

$(CLIENTS_AWSLC)/boringssl_client: $(addprefix $(CLIENT_DIR)/boringssl_,client.c settings.c) $(CLIENT_COMMON)
	mkdir -p $(@D) && rm -f $@
	$(CC) $(PEER_CFLAGS) -o $@ $(filter %.c,$^) -isystem $(AWSLC)/include -L$(AWSLC)/lib -Wl,-rpath,$(abspath $(AWSLC)/lib) -lssl -lcrypto
