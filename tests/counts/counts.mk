# SPDX-License-Identifier: LGPL-2.1-or-later
# make check-counts: what a few things cost in instructions is as tests/counts/counts.txt has it; counts-renew writes that file.

COUNTS := $(BUILD)/counts
# The counts are those of the ordinary build.
COUNTS_COMPILER = $(if $(filter-out -O2,$(OPTIMIZE) $(CFLAGS)),other,$(KIND:cc=gcc)-$(shell $(CC) -dumpversion | cut -d. -f1))

$(COUNTS): $(BUILD)/tests/counts/counts.o $(BUILD)/tests/unit/hellos.o $(BUILD)/dns.a $(BUILD)/ech.a
	@echo "LD $@"
	$(Q)$(CC) $(SANFLAGS) -pthread -Wl,-z,now -o $@ $^ $(PKG_LIBS) $(LIBC_LIBS)

.PHONY: check-counts counts-renew
check-counts: $(COUNTS) $(BUILD)/libechshim.so
	$(if $(SANITIZE),@echo 'counts: not for sanitized builds',tests/counts/check $(COUNTS) $(BUILD)/libechshim.so $(COUNTS_COMPILER))

counts-renew: $(COUNTS) $(BUILD)/libechshim.so
	tests/counts/check --renew $(COUNTS) $(BUILD)/libechshim.so $(COUNTS_COMPILER)
