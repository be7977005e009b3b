/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/go/functions.h"

#include <string.h>

/* The header: a magic number, two zeros, the quantum of instructions, the size of a pointer; then
 * eight words. */
enum {
    HEADER_SIZE = 72,
    HEADER_COUNT = 8,
    HEADER_NAMES = 32,
    HEADER_FILE_TABLES = 40, /* what follows the names */
    HEADER_ENTRIES = 64,
    COUNT_MAX = 1 << 24,
    TABLES_MAX = 16, /* tables that we look at: a hostile file may have very many */
};

/* An entry of ftab, and the record of a function that it leads to. */
enum { ENTRY_SIZE = 8, RECORD_NAME = 4, RECORD_FLAG = 41, RECORD_SIZE = 44, FLAG_ASSEMBLER = 4 };

/* Of moduledata, in words. */
enum {
    MODULE_NAMES = 1,
    MODULE_FIRST = 20, /* the lowest address of a function */
    MODULE_TEXT = 22,
    MODULE_TYPES = 37,
    MODULE_WORDS = 40,
    WORD = 8,
};

/* The magic numbers end with the two zeros. */
static const uint8_t magic_now[6] = {0xf1, 0xff, 0xff, 0xff, 0, 0};
static const uint8_t magics_old[][6] = {
    {0xf0, 0xff, 0xff, 0xff, 0, 0}, {0xfa, 0xff, 0xff, 0xff, 0, 0}, {0xfb, 0xff, 0xff, 0xff, 0, 0}};

static uint64_t word_at(const struct go_functions *functions, size_t offset)
{
    return go_image_64(functions->table + offset);
}

/* Does a table begin here? */
static bool read_header(struct go_functions *functions, const uint8_t *at, size_t left)
{
    if (left < HEADER_SIZE || at[7] != WORD || (at[6] != 1 && at[6] != 2 && at[6] != 4)) {
        return false;
    }
    functions->table = at;
    functions->length = left;
    functions->count = word_at(functions, HEADER_COUNT);
    functions->names = word_at(functions, HEADER_NAMES);
    functions->names_end = word_at(functions, HEADER_FILE_TABLES);
    functions->entries = word_at(functions, HEADER_ENTRIES);
    return functions->count > 0 && functions->count < COUNT_MAX &&
           functions->names >= HEADER_SIZE && functions->names < functions->names_end &&
           functions->names_end <= left && functions->entries <= left &&
           functions->count * ENTRY_SIZE <= left - functions->entries;
}

/* ---- moduledata ---- */

static bool module_word(const struct go_functions *functions, uint64_t module, unsigned index,
                        uint64_t *out)
{
    return go_image_pointer(functions->image, module + (uint64_t)index * WORD, out);
}

/* It begins with the address of the table, and of the names; the lowest function is the first. */
static bool is_module(struct go_functions *functions, uint64_t table, uint64_t module)
{
    uint64_t names;
    uint64_t first;
    uint64_t text;
    uint64_t types;
    if (module % WORD != 0 ||
        go_image_at(functions->image, module, (uint64_t)MODULE_WORDS * WORD) == NULL ||
        !module_word(functions, module, MODULE_NAMES, &names) ||
        names != table + functions->names ||
        !module_word(functions, module, MODULE_FIRST, &first) ||
        !module_word(functions, module, MODULE_TEXT, &text) ||
        !module_word(functions, module, MODULE_TYPES, &types) ||
        first != text + go_image_32(functions->table + functions->entries) ||
        go_image_code(functions->image, first, 1) == NULL ||
        go_image_at(functions->image, types, 1) == NULL) {
        return false;
    }
    functions->text = text;
    functions->types = types;
    return true;
}

static bool find_module_by_relocation(struct go_functions *functions, uint64_t table)
{
    const struct go_image *image = functions->image;
    for (size_t i = 0; i < image->relocation_count; i++) {
        if (image->relocations[i].addend == table &&
            is_module(functions, table, image->relocations[i].address)) {
            return true;
        }
    }
    return false;
}

/* It lies in the data, which are at the end. A program that moves has it in its relocations. */
static bool find_module(struct go_functions *functions, uint64_t table)
{
    const struct go_image *image = functions->image;
    uint8_t wanted[WORD];
    if (find_module_by_relocation(functions, table)) {
        return true;
    }
    for (unsigned i = 0; i < WORD; i++) {
        wanted[i] = (uint8_t)(table >> (8 * i));
    }
    for (size_t i = image->segment_count; i > 0; i--) {
        const struct go_segment *segment = &image->segments[i - 1];
        uint64_t start = (WORD - segment->address % WORD) % WORD;
        for (uint64_t at = start; at < segment->size && segment->size - at >= WORD; at += WORD) {
            if (memcmp(image->octets + segment->offset + at, wanted, WORD) == 0 &&
                is_module(functions, table, segment->address + at)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- the table ---- */

/* memmem looks for the last two octets first, and pairs of zeros are everywhere. */
static const uint8_t *search(const struct go_image *image, const struct go_segment *segment,
                             const uint8_t *from, const uint8_t magic[6])
{
    const uint8_t *at = from != NULL ? from + 1 : image->octets + segment->offset;
    const uint8_t *end = image->octets + segment->offset + segment->size;
    while ((at = memchr(at, magic[0], (size_t)(end - at))) != NULL &&
           (size_t)(end - at) >= sizeof magic_now) {
        if (memcmp(at, magic, sizeof magic_now) == 0) {
            return at;
        }
        at++;
    }
    return NULL;
}

static bool is_old(const struct go_image *image)
{
    for (size_t k = 0; k < sizeof magics_old / sizeof *magics_old; k++) {
        for (size_t i = 0; i < image->segment_count; i++) {
            const struct go_segment *segment = &image->segments[i];
            const uint8_t *end = image->octets + segment->offset + segment->size;
            const uint8_t *at = NULL;
            while ((at = search(image, segment, at, magics_old[k])) != NULL) {
                if (end - at >= HEADER_SIZE && at[7] == WORD && at[6] == 1 &&
                    go_image_64(at + HEADER_COUNT) - 1 < COUNT_MAX) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* A table in one segment. *seen counts what looks like one. */
static bool find_in(struct go_functions *functions, const struct go_image *image,
                    const struct go_segment *segment, size_t *seen)
{
    const uint8_t *end = image->octets + segment->offset + segment->size;
    const uint8_t *at = NULL;
    while (*seen < TABLES_MAX && (at = search(image, segment, at, magic_now)) != NULL) {
        *functions = (struct go_functions){.image = image};
        if (!read_header(functions, at, (size_t)(end - at))) {
            continue;
        }
        (*seen)++;
        uint64_t table = segment->address + (uint64_t)(at - image->octets) - segment->offset;
        if (find_module(functions, table)) {
            return true;
        }
    }
    return false;
}

enum go_functions_found go_functions_find(struct go_functions *functions,
                                          const struct go_image *image)
{
    size_t seen = 0;
    /* Large programs start faster if their code, where no linker puts the table, comes last. */
    for (int code = 0; code < 2; code++) {
        for (size_t i = 0; i < image->segment_count; i++) {
            const struct go_segment *segment = &image->segments[i];
            if (segment->executable == (code != 0) && find_in(functions, image, segment, &seen)) {
                return GO_FUNCTIONS_FOUND;
            }
        }
    }
    return seen > 0 ? GO_FUNCTIONS_UNKNOWN : is_old(image) ? GO_FUNCTIONS_OLD : GO_FUNCTIONS_NONE;
}

/* ---- names ---- */

/* The search is made in the whole block at once: a program has hundreds of thousands of names. */
const char *go_functions_name(const struct go_functions *functions, const char *part,
                              const char *after)
{
    const char *start = (const char *)functions->table + functions->names;
    const char *end = (const char *)functions->table + functions->names_end;
    const char *from = after != NULL ? after + strlen(after) : start;
    const char *at = memmem(from, (size_t)(end - from), part, strlen(part));
    if (at == NULL || memchr(at, 0, (size_t)(end - at)) == NULL) {
        return NULL;
    }
    const char *before = memrchr(start, 0, (size_t)(at - start));
    return before != NULL ? before + 1 : start;
}

/* The offset of a name among the names. */
static bool find_name(const struct go_functions *functions, const char *name, uint32_t *offset)
{
    const char *found = NULL;
    while ((found = go_functions_name(functions, name, found)) != NULL) {
        if (strcmp(found, name) == 0) {
            *offset = (uint32_t)(found - ((const char *)functions->table + functions->names));
            return true;
        }
    }
    return false;
}

/* The record of a function; NULL: it is not in the table. */
static const uint8_t *record_of(const struct go_functions *functions, uint64_t index)
{
    const uint8_t *entry = functions->table + functions->entries + index * ENTRY_SIZE;
    uint64_t at = functions->entries + go_image_32(entry + 4);
    return at <= functions->length && functions->length - at >= RECORD_SIZE ? functions->table + at
                                                                            : NULL;
}

bool go_functions_entry(const struct go_functions *functions, const char *name, bool assembler,
                        uint64_t *address)
{
    uint32_t offset;
    size_t count = 0;
    bool named = find_name(functions, name, &offset);
    for (uint64_t i = 0; named && i < functions->count; i++) {
        const uint8_t *record = record_of(functions, i);
        if (record == NULL || go_image_32(record + RECORD_NAME) != offset ||
            ((record[RECORD_FLAG] & FLAG_ASSEMBLER) != 0) != assembler) {
            continue;
        }
        *address = functions->text + go_image_32(record);
        count++;
    }
    return count == 1 && go_image_code(functions->image, *address, 1) != NULL;
}
