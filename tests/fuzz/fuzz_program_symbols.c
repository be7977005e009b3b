/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of a program that may say anything: only octets of the program are read. The first
 * octets of the input say where the dynamic section begins. */
#include <stdlib.h>
#include <string.h>

#include "shim/stub/symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Addresses in the tables count from the beginning of the input, as in a file. */
static void check(uint8_t *program, size_t size, size_t dynamic)
{
    static const char *const names[] = {"SSL_CTX_new", "SSL_get_rbio", "a", ""};
    const struct stub_image image = {.segments = {{(uintptr_t)program, size, program, false}},
                                     .count = 1};
    const struct link_map map = {.l_addr = (ElfW(Addr))program,
                                 .l_ld = (ElfW(Dyn) *)(void *)(program + dynamic)};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const uint8_t *symbol = (const void *)stub_symbol_find(&map, &image, names[i]);
        if (symbol != NULL && (symbol < program || symbol + sizeof(ElfW(Sym)) > program + size)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    size_t dynamic = (size_t)data[0] * sizeof(ElfW(Dyn)) / 2;
    uint8_t *program = malloc(size);
    if (program != NULL && dynamic < size) {
        memcpy(program, data, size);
        check(program, size, dynamic);
    }
    free(program);
    return 0;
}
