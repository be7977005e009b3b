/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/symbol.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shim/stub/text.h"

enum { HIDDEN_VERSION = 0x8000 };

/* The tables of an object (System V gABI, chapter 5; GNU's hash table: "How to write shared
 * libraries", 1.5.2). */
struct tables {
    const struct stub_image *image; /* NULL: the tables are right */
    const ElfW(Sym) * symbols;
    const char *strings;
    size_t strings_size;
    uintptr_t next;           /* the lowest table above the symbols, or UINTPTR_MAX */
    uint32_t count;           /* number of symbols, or more */
    const uint32_t *hash;     /* DT_HASH, or NULL */
    const uint32_t *gnu_hash; /* DT_GNU_HASH, or NULL */
    const ElfW(Versym) * versions;
};

/* The loader has made these addresses absolute, except in objects whose table is read-only. */
static const void *address_in(const struct link_map *object, ElfW(Addr) value)
{
    return (const void *)(value < object->l_addr ? value + object->l_addr : value);
}

static bool is_there(const struct tables *tables, const void *octets, size_t length,
                     size_t alignment)
{
    return tables->image == NULL ||
           ((uintptr_t)octets % alignment == 0 &&
            stub_image_at(tables->image, (uintptr_t)octets, length) != NULL);
}

/* May so many entries of a table be read? */
#define IS_THERE(tables, entries, count)                                                           \
    is_there(tables, entries, (count) * sizeof *(entries), _Alignof(__typeof__(*(entries))))

/* Only the old hash table has the number. Without it: the symbols end where the next table begins.
 * With most linkers these are the strings. Tools that change a library move the strings elsewhere,
 * and the memory between segments cannot be read. */
static uint32_t count_symbols(const struct tables *tables)
{
    uintptr_t symbols = (uintptr_t)tables->symbols;
    if (tables->hash != NULL) {
        return IS_THERE(tables, tables->hash, 2) ? tables->hash[1] : 0;
    }
    size_t room =
        tables->next != UINTPTR_MAX ? (tables->next - symbols) / sizeof(ElfW(Sym)) : UINT32_MAX;
    return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

static void see_table(struct tables *tables, const void *address)
{
    uintptr_t at = (uintptr_t)address;
    if (at > (uintptr_t)tables->symbols && at < tables->next) {
        tables->next = at;
    }
}

/* No more symbols than fit into the image: a chain is never followed for longer. */
static uint32_t count_possible(const struct tables *tables)
{
    uintptr_t symbols = (uintptr_t)tables->symbols;
    const struct stub_segment *segment =
        tables->image != NULL ? stub_image_segment(tables->image, symbols) : NULL;
    uint32_t count = count_symbols(tables);
    if (tables->image == NULL) {
        return count;
    }
    size_t room = segment != NULL ? segment->length - (symbols - segment->address) : 0;
    return room / sizeof(ElfW(Sym)) < count ? (uint32_t)(room / sizeof(ElfW(Sym))) : count;
}

static struct tables tables_of(const struct link_map *object, const struct stub_image *image)
{
    struct tables tables = {.image = image, .next = UINTPTR_MAX};
    const ElfW(Dyn) *entry = object->l_ld;
    for (; entry != NULL && IS_THERE(&tables, entry, 1) && entry->d_tag != DT_NULL; entry++) {
        const void *address = address_in(object, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB:
            tables.symbols = address;
            break;
        case DT_STRTAB:
            tables.strings = address;
            break;
        case DT_STRSZ:
            tables.strings_size = entry->d_un.d_val;
            break;
        case DT_HASH:
            tables.hash = address;
            break;
        case DT_GNU_HASH:
            tables.gnu_hash = address;
            break;
        case DT_VERSYM:
            tables.versions = address;
            break;
        default:
            break;
        }
    }
    see_table(&tables, tables.strings);
    see_table(&tables, tables.gnu_hash);
    see_table(&tables, tables.versions);
    tables.count = count_possible(&tables);
    return tables;
}

static bool has_name(const struct tables *tables, uint32_t index, const char *name)
{
    size_t at = tables->symbols[index].st_name;
    size_t length = tables->image != NULL ? strlen(name) + 1 : 0;
    return at < tables->strings_size && IS_THERE(tables, tables->strings + at, length) &&
           stub_text_equal_within(tables->strings + at, tables->strings_size - at, name);
}

static bool defines(const struct tables *tables, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &tables->symbols[index];
    const ElfW(Versym) *version = tables->versions != NULL ? &tables->versions[index] : NULL;
    if (!IS_THERE(tables, symbol, 1) || (version != NULL && !IS_THERE(tables, version, 1))) {
        return false;
    }
    bool hidden = version != NULL && (*version & HIDDEN_VERSION) != 0;
    return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 && !hidden &&
           has_name(tables, index, name);
}

/* The first index in the bucket of a hash; 0: there is none. */
static uint32_t first_in(const struct tables *tables, const uint32_t *buckets, uint32_t count,
                         uint32_t hash)
{
    const uint32_t *bucket = count > 0 ? &buckets[hash % count] : NULL;
    return bucket != NULL && IS_THERE(tables, bucket, 1) ? *bucket : 0;
}

/* The index of the defined symbol; 0: there is none. */
static uint32_t find_by_gnu_hash(const struct tables *tables, const char *name)
{
    uint32_t hash = 5381;
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++) {
        hash = hash * 33 + *c;
    }
    if (!IS_THERE(tables, tables->gnu_hash, 4)) {
        return 0;
    }
    uint32_t bucket_count = tables->gnu_hash[0];
    uint32_t first = tables->gnu_hash[1];
    const uint32_t *buckets =
        tables->gnu_hash + 4 + tables->gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = buckets + bucket_count;
    uint32_t index = first_in(tables, buckets, bucket_count, hash);
    if (index < first) {
        return 0;
    }
    /* The lowest bit of a hash in the chain marks its end. */
    for (uint32_t found; index < tables->count && IS_THERE(tables, &chain[index - first], 1);
         index++) {
        found = chain[index - first];
        if ((found | 1) == (hash | 1) && defines(tables, index, name)) {
            return index;
        }
        if ((found & 1) != 0) {
            break;
        }
    }
    return 0;
}

static uint32_t find_by_hash(const struct tables *tables, const char *name)
{
    uint32_t hash = 0;
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++) {
        hash = (hash << 4) + *c;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    if (!IS_THERE(tables, tables->hash, 2)) {
        return 0;
    }
    uint32_t bucket_count = tables->hash[0];
    const uint32_t *buckets = tables->hash + 2;
    const uint32_t *chain = buckets + bucket_count;
    uint32_t index = first_in(tables, buckets, bucket_count, hash);
    /* Stop after as many steps as there are symbols: a damaged chain may be a circle. */
    for (uint32_t steps = 0; index != 0 && index < tables->count && steps < tables->count;
         steps++) {
        if (defines(tables, index, name)) {
            return index;
        }
        index = IS_THERE(tables, &chain[index], 1) ? chain[index] : 0;
    }
    return 0;
}

/* Does each table that is there begin in the image? Then no index of 32 bits leads past the end of
 * the address space, and the entry's own check comes in time. */
static bool begin_in_image(const struct tables *tables)
{
    return IS_THERE(tables, tables->symbols, 1) && IS_THERE(tables, tables->strings, 1) &&
           (tables->versions == NULL || IS_THERE(tables, tables->versions, 1)) &&
           (tables->gnu_hash == NULL || IS_THERE(tables, tables->gnu_hash, 1)) &&
           (tables->hash == NULL || IS_THERE(tables, tables->hash, 1));
}

const ElfW(Sym) * stub_symbol_find(const struct link_map *object, const struct stub_image *image,
                                   const char *name)
{
    struct tables tables = tables_of(object, image);
    uint32_t index = 0;
    if (tables.symbols == NULL || tables.strings == NULL || !begin_in_image(&tables)) {
        return NULL;
    }
    if (tables.gnu_hash != NULL) {
        index = find_by_gnu_hash(&tables, name);
    } else if (tables.hash != NULL) {
        index = find_by_hash(&tables, name);
    }
    return index != 0 ? &tables.symbols[index] : NULL;
}

void *stub_symbol_of(const struct link_map *object, const char *name)
{
    const ElfW(Sym) *symbol = stub_symbol_find(object, NULL, name);
    /* The fields have the same places in both classes of ELF. */
    bool is_function = symbol != NULL && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
    return is_function ? (void *)(object->l_addr + symbol->st_value) : NULL;
}

bool stub_symbol_needed(const struct link_map *object, const char *name)
{
    struct tables tables = tables_of(object, NULL);
    if (tables.symbols == NULL || tables.strings == NULL) {
        return false;
    }
    /* No hash table has them. */
    for (uint32_t index = 1; index < tables.count; index++) {
        if (tables.symbols[index].st_shndx == SHN_UNDEF && has_name(&tables, index, name)) {
            return true;
        }
    }
    return false;
}

static bool name_has(const struct tables *tables, uint32_t index, const char *text)
{
    for (size_t at = tables->symbols[index].st_name;
         at < tables->strings_size && tables->strings[at] != '\0'; at++) {
        if (stub_text_begins(tables->strings + at, text)) {
            return true;
        }
    }
    return false;
}

bool stub_symbols_mostly_have(const struct link_map *object, const char *text)
{
    struct tables tables = tables_of(object, NULL);
    size_t functions = 0;
    size_t having = 0;
    if (tables.symbols == NULL || tables.strings == NULL) {
        return false;
    }
    for (uint32_t index = 1; index < tables.count; index++) {
        const ElfW(Sym) *symbol = &tables.symbols[index];
        if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC) {
            functions++;
            having += name_has(&tables, index, text);
        }
    }
    return having > functions / 4 * 3;
}
