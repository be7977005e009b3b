/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/elf_needed.h"

#include <elf.h>
#include <string.h>

/* What a reader of either class needs. `length` bounds every access. */
struct file {
    const uint8_t *octets;
    size_t length;
    bool wide; /* ELFCLASS64 */
    bool big;  /* ELFDATA2MSB */
    uint64_t segments;
    uint64_t segment_count;
};

struct part {
    uint64_t offset;
    uint64_t size;
};

static bool number(const struct file *file, uint64_t offset, size_t size, uint64_t *out)
{
    if (offset > file->length || size > file->length - offset) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < size; i++) {
        size_t at = file->big ? i : size - 1 - i;
        *out = *out << 8 | file->octets[offset + at];
    }
    return true;
}

#define PLACE(file, kind, field)                                                                   \
    ((file)->wide ? offsetof(Elf64_##kind, field) : offsetof(Elf32_##kind, field))
#define SIZE(file, kind) ((file)->wide ? sizeof(Elf64_##kind) : sizeof(Elf32_##kind))

static size_t address_size(const struct file *file)
{
    return file->wide ? 8 : 4;
}

static bool open_file(struct file *file, const uint8_t *octets, size_t length)
{
    uint64_t size;
    *file = (struct file){.octets = octets, .length = length};
    if (length < EI_NIDENT || memcmp(octets, ELFMAG, SELFMAG) != 0) {
        return false;
    }
    file->wide = octets[EI_CLASS] == ELFCLASS64;
    file->big = octets[EI_DATA] == ELFDATA2MSB;
    return number(file, PLACE(file, Ehdr, e_phoff), address_size(file), &file->segments) &&
           number(file, PLACE(file, Ehdr, e_phentsize), 2, &size) &&
           number(file, PLACE(file, Ehdr, e_phnum), 2, &file->segment_count) &&
           (file->segment_count == 0 || size == SIZE(file, Phdr)) &&
           file->segments <= length; /* so that sums of offsets cannot wrap */
}

struct segment {
    uint64_t type;
    uint64_t offset;
    uint64_t address;
    uint64_t size;
};

static bool read_segment(const struct file *file, uint64_t index, struct segment *segment)
{
    uint64_t at = file->segments + index * SIZE(file, Phdr);
    size_t size = address_size(file);
    return number(file, at, 4, &segment->type) &&
           number(file, at + PLACE(file, Phdr, p_offset), size, &segment->offset) &&
           number(file, at + PLACE(file, Phdr, p_vaddr), size, &segment->address) &&
           number(file, at + PLACE(file, Phdr, p_filesz), size, &segment->size);
}

/* The dynamic section; `size` 0 if there is none. */
static bool find_dynamic(const struct file *file, struct part *dynamic)
{
    struct segment segment;
    *dynamic = (struct part){0};
    for (uint64_t i = 0; i < file->segment_count; i++) {
        if (!read_segment(file, i, &segment)) {
            return false;
        }
        if (segment.type == PT_DYNAMIC) {
            *dynamic = (struct part){segment.offset, segment.size};
            return segment.offset <= file->length && segment.size <= file->length - segment.offset;
        }
    }
    return true;
}

/* Turns an address in memory into an offset in the file, by the segment loaded there. */
static bool place_of(const struct file *file, uint64_t address, uint64_t *offset)
{
    struct segment segment;
    for (uint64_t i = 0; i < file->segment_count && read_segment(file, i, &segment); i++) {
        if (segment.type == PT_LOAD && address >= segment.address &&
            address - segment.address < segment.size) {
            uint64_t inside = address - segment.address;
            *offset = segment.offset + inside;
            return segment.offset <= file->length && inside < file->length - segment.offset;
        }
    }
    return false;
}

/* One entry; false at the end of the section. */
static bool read_entry(const struct file *file, const struct part *dynamic, uint64_t index,
                       uint64_t *tag, uint64_t *value)
{
    size_t size = address_size(file);
    return index < dynamic->size / SIZE(file, Dyn) &&
           number(file, dynamic->offset + index * SIZE(file, Dyn), size, tag) &&
           number(file, dynamic->offset + index * SIZE(file, Dyn) + size, size, value) &&
           *tag != DT_NULL;
}

/* The part of the file that an address of the dynamic section leads to; its end is not known. */
static bool find_part(const struct file *file, const struct part *dynamic, uint64_t wanted,
                      uint64_t *offset)
{
    uint64_t tag;
    uint64_t value;
    for (uint64_t i = 0; read_entry(file, dynamic, i, &tag, &value); i++) {
        if (tag == wanted) {
            return place_of(file, value, offset);
        }
    }
    return false;
}

static bool has_name(const struct file *file, uint64_t offset, const char *name)
{
    size_t size = strlen(name) + 1;
    return offset <= file->length && size <= file->length - offset &&
           memcmp(file->octets + offset, name, size) == 0;
}

bool elf_exports(const uint8_t *octets, size_t length, const char *name)
{
    struct file file;
    struct part dynamic;
    uint64_t symbols;
    uint64_t strings;
    if (!open_file(&file, octets, length) || !find_dynamic(&file, &dynamic) ||
        !find_part(&file, &dynamic, DT_SYMTAB, &symbols) ||
        !find_part(&file, &dynamic, DT_STRTAB, &strings)) {
        return false;
    }
    /* The number of symbols stands nowhere. Linkers put the strings behind them. */
    uint64_t end = strings > symbols ? strings : file.length;
    for (uint64_t at = symbols; at < end; at += SIZE(&file, Sym)) {
        uint64_t text;
        uint64_t section;
        if (!number(&file, at + PLACE(&file, Sym, st_name), 4, &text) ||
            !number(&file, at + PLACE(&file, Sym, st_shndx), 2, &section)) {
            return false;
        }
        if (section != SHN_UNDEF && has_name(&file, strings + text, name)) {
            return true;
        }
    }
    return false;
}

bool elf_needed(const uint8_t *octets, size_t length, elf_needed_take *take, void *context)
{
    struct file file;
    struct part dynamic;
    struct part strings = {0};
    bool located = false;
    uint64_t tag;
    uint64_t value;
    if (!open_file(&file, octets, length) || !find_dynamic(&file, &dynamic)) {
        return false;
    }
    for (uint64_t i = 0; read_entry(&file, &dynamic, i, &tag, &value); i++) {
        if (tag == DT_STRTAB) {
            located = place_of(&file, value, &strings.offset);
        } else if (tag == DT_STRSZ) {
            strings.size = value;
        }
    }
    bool sound = located && strings.size <= length - strings.offset;
    for (uint64_t i = 0; read_entry(&file, &dynamic, i, &tag, &value); i++) {
        if (tag != DT_NEEDED) {
            continue;
        }
        if (!sound || value >= strings.size) {
            return false;
        }
        const char *name = (const char *)octets + strings.offset + value;
        if (memchr(name, '\0', (size_t)(strings.size - value)) == NULL) {
            return false;
        }
        if (!take(context, name)) {
            break;
        }
    }
    return true;
}
