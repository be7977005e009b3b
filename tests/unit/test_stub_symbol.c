/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads symbols from an object's own tables: both kinds of hash tables, versions, and damaged
 * tables. The tables are in the test's memory, as the loader would have mapped them. */
#include "shim/stub/symbol.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(stub_symbol, .timeout = 10);

enum { FIRST_DEFINED = 2, SYMBOLS = 6, HIDDEN = 0x8000, NOTHING = 0x6fff0000 };
/* Index:                                 1        2        3     4      5 */
static const char strings[] = "\0imported\0connect\0send\0twice\0data";
static const uint32_t names[SYMBOLS] = {0, 1, 10, 18, 23, 29};

/* An object with one bucket, so that every chain holds all symbols. `base` is not 0: addresses of a
 * table below it are relative. */
struct object {
    ElfW(Sym) symbols[SYMBOLS];
    char strings[sizeof strings];
    ElfW(Versym) versions[SYMBOLS];
    uint32_t hash[2 + 1 + SYMBOLS];
    uint32_t gnu_hash[4 + 2 + 1 + SYMBOLS];
    ElfW(Dyn) dynamic[8];
    struct link_map map;
};

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name != '\0'; name++) {
        hash = hash * 33 + (unsigned char)*name;
    }
    return hash;
}

static void set(struct object *object, size_t at, ElfW(Sxword) tag, const void *value)
{
    object->dynamic[at].d_tag = tag;
    object->dynamic[at].d_un.d_ptr = (ElfW(Addr))value;
}

static void make(struct object *object)
{
    *object = (struct object){.hash = {1, SYMBOLS, FIRST_DEFINED}};
    memcpy(object->strings, strings, sizeof strings);
    for (uint32_t i = 1; i < SYMBOLS; i++) {
        object->symbols[i] = (ElfW(Sym)){.st_name = names[i],
                                         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                         .st_shndx = i < FIRST_DEFINED ? SHN_UNDEF : 1,
                                         .st_value = (ElfW(Addr))0x1000 * i};
        object->hash[3 + i] = i + 1 < SYMBOLS ? i + 1 : 0;
        object->versions[i] = 2;
    }
    object->symbols[5].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    /* One bucket, one word of the filter (two of 32 bits on machines of 64 bits). */
    uint32_t head[] = {1, FIRST_DEFINED, 1, 0};
    memcpy(object->gnu_hash, head, sizeof head);
    uint32_t *bucket = object->gnu_hash + 4 + sizeof(ElfW(Addr)) / sizeof(uint32_t);
    *bucket = FIRST_DEFINED;
    for (uint32_t i = FIRST_DEFINED; i < SYMBOLS; i++) {
        uint32_t hash = gnu_hash_of(strings + names[i]) & ~1u;
        bucket[1 + i - FIRST_DEFINED] = hash | (i + 1 == SYMBOLS ? 1 : 0);
    }
    set(object, 0, DT_SYMTAB, object->symbols);
    set(object, 1, DT_STRTAB, object->strings);
    set(object, 2, DT_STRSZ, NULL);
    object->dynamic[2].d_un.d_val = sizeof strings;
    set(object, 3, DT_VERSYM, object->versions);
    set(object, 4, DT_HASH, object->hash);
    set(object, 5, DT_GNU_HASH, object->gnu_hash);
    set(object, 6, DT_NULL, NULL);
    object->map.l_addr = 0;
    object->map.l_ld = object->dynamic;
}

enum table { BOTH, OLD_HASH, GNU_HASH };

static void keep_only(struct object *object, enum table table)
{
    if (table == OLD_HASH) {
        object->dynamic[5].d_tag = NOTHING;
    } else if (table == GNU_HASH) {
        object->dynamic[4].d_tag = NOTHING;
    }
}

static void expect(const struct object *object, const char *name, uintptr_t value)
{
    uintptr_t found = (uintptr_t)stub_symbol_of(&object->map, name);
    cr_expect_eq(found, value, "%s: %#lx, not %#lx", name, (unsigned long)found,
                 (unsigned long)value);
}

Test(stub_symbol, finds_what_is_defined)
{
    for (enum table table = BOTH; table <= GNU_HASH; table++) {
        struct object object;
        make(&object);
        keep_only(&object, table);
        expect(&object, "connect", 0x2000);
        expect(&object, "send", 0x3000);
        expect(&object, "imported", 0);
        expect(&object, "data", 0);
        expect(&object, "sen", 0);
        expect(&object, "sends", 0);
        expect(&object, "", 0);
    }
}

Test(stub_symbol, gives_what_dlsym_gives)
{
    static const char *const functions[] = {"connect", "send",  "getaddrinfo",     "dlsym", "fopen",
                                            "regexec", "write", "no_such_function"};
    struct link_map *libc = NULL;
    void *handle = dlopen("libc.so.6", RTLD_NOW);
    cr_assert_eq(dlinfo(handle, RTLD_DI_LINKMAP, &libc), 0);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        cr_expect_eq(stub_symbol_of(libc, functions[i]), dlsym(handle, functions[i]), "%s",
                     functions[i]);
    }
}

/* A program is linked to the version that is not hidden, and dlsym returns it. */
Test(stub_symbol, takes_the_usual_version)
{
    for (enum table table = BOTH; table <= GNU_HASH; table++) {
        struct object object;
        make(&object);
        keep_only(&object, table);
        object.symbols[3].st_name = names[2];
        uint32_t *bucket = object.gnu_hash + 4 + sizeof(ElfW(Addr)) / sizeof(uint32_t);
        bucket[1 + 3 - FIRST_DEFINED] = bucket[1];
        object.versions[2] |= HIDDEN;
        expect(&object, "connect", 0x3000);
        object.versions[3] |= HIDDEN;
        expect(&object, "connect", 0);
        object.dynamic[3].d_tag = NOTHING; /* no versions: the first */
        expect(&object, "connect", 0x2000);
    }
}

/* An IFUNC symbol has only the address of its resolver. */
Test(stub_symbol, gives_no_function_that_is_chosen_at_load_time)
{
    struct object object;
    make(&object);
    object.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
    expect(&object, "connect", 0);
}

Test(stub_symbol, adds_the_address_of_the_object)
{
    struct object object;
    make(&object);
    object.map.l_addr = 0x10; /* the tables are above it: absolute, as the loader makes them */
    expect(&object, "connect", 0x2010);
    /* With a read-only dynamic section they stay relative. */
    object.map.l_addr = (ElfW(Addr)) & object;
    for (size_t i = 0; i < 6; i++) {
        if (object.dynamic[i].d_tag != DT_STRSZ) {
            object.dynamic[i].d_un.d_ptr -= object.map.l_addr;
        }
    }
    expect(&object, "connect", (uintptr_t)&object + 0x2000);
}

/* ---- damaged tables ---- */

Test(stub_symbol, objects_without_tables)
{
    struct object object;
    make(&object);
    for (size_t without = 0; without < 2; without++) {
        make(&object);
        object.dynamic[without].d_tag = NOTHING;
        expect(&object, "connect", 0);
    }
    make(&object);
    object.dynamic[4].d_tag = object.dynamic[5].d_tag = NOTHING;
    expect(&object, "connect", 0);
    object.map.l_ld = NULL;
    expect(&object, "connect", 0);
}

Test(stub_symbol, empty_tables)
{
    for (enum table table = OLD_HASH; table <= GNU_HASH; table++) {
        struct object object;
        make(&object);
        keep_only(&object, table);
        object.hash[0] = object.gnu_hash[0] = 0;
        expect(&object, "connect", 0);
    }
}

Test(stub_symbol, a_chain_that_is_a_circle)
{
    struct object object;
    make(&object);
    keep_only(&object, OLD_HASH);
    object.hash[3 + SYMBOLS - 1] = FIRST_DEFINED;
    expect(&object, "no_such_name", 0);
    expect(&object, "send", 0x3000);
}

Test(stub_symbol, a_chain_that_leads_out_of_the_table)
{
    struct object object;
    make(&object);
    keep_only(&object, OLD_HASH);
    object.hash[3 + 2] = 0x7fffffff;
    expect(&object, "send", 0);
    object.hash[2] = 0x7fffffff;
    expect(&object, "connect", 0);
}

Test(stub_symbol, a_chain_without_an_end)
{
    struct object object;
    make(&object);
    keep_only(&object, GNU_HASH);
    uint32_t *bucket = object.gnu_hash + 4 + sizeof(ElfW(Addr)) / sizeof(uint32_t);
    bucket[1 + SYMBOLS - 1 - FIRST_DEFINED] &= ~1u;
    expect(&object, "no_such_name", 0);
    *bucket = 0x7fffffff;
    expect(&object, "connect", 0);
    *bucket = FIRST_DEFINED - 1;
    expect(&object, "connect", 0);
}

Test(stub_symbol, names_beyond_the_strings)
{
    for (enum table table = BOTH; table <= GNU_HASH; table++) {
        struct object object;
        make(&object);
        keep_only(&object, table);
        object.symbols[2].st_name = 0x7fffffff;
        expect(&object, "connect", 0);
        object.symbols[2].st_name = names[2];
        object.dynamic[2].d_un.d_val = names[2] + strlen("connect"); /* without its end */
        expect(&object, "connect", 0);
    }
}

/* As patchelf does on arm64: the strings are moved to a segment of their own, and the memory before
 * it cannot be read. */
Test(stub_symbol, strings_that_were_moved)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(memory != MAP_FAILED);
    for (int behind = 0; behind < 2; behind++) {
        char *moved = memory + (behind != 0 ? 2 * page : 0);
        struct object *object = (struct object *)(void *)(memory + (behind != 0 ? 0 : 2 * page));
        make(object);
        keep_only(object, GNU_HASH);
        memcpy(moved, strings, sizeof strings);
        set(object, 1, DT_STRTAB, moved);
        cr_assert_eq(mprotect(memory + page, page, PROT_NONE), 0);
        cr_expect(stub_symbol_needed(&object->map, "imported"));
        cr_expect_not(stub_symbol_needed(&object->map, "neither"));
        cr_expect_not(stub_symbols_mostly_have(&object->map, "neither"));
        expect(object, "connect", 0x2000);
    }
}
