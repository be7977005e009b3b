/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/go/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

uint16_t go_image_16(const uint8_t *octets)
{
    return (uint16_t)(octets[0] | octets[1] << 8);
}

uint32_t go_image_32(const uint8_t *octets)
{
    return go_image_16(octets) | (uint32_t)go_image_16(octets + 2) << 16;
}

uint64_t go_image_64(const uint8_t *octets)
{
    return go_image_32(octets) | (uint64_t)go_image_32(octets + 4) << 32;
}

/* ---- segments ---- */

static const uint8_t *file_at(const struct go_image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->length && size <= image->length - offset ? image->octets + offset
                                                                     : NULL;
}

/* A segment that reaches beyond the file's end is broken. */
static bool add_segment(struct go_image *image, const uint8_t *header)
{
    uint64_t offset = go_image_64(header + offsetof(Elf64_Phdr, p_offset));
    uint64_t size = go_image_64(header + offsetof(Elf64_Phdr, p_filesz));
    uint64_t address = go_image_64(header + offsetof(Elf64_Phdr, p_vaddr));
    if (file_at(image, offset, size) == NULL || address > UINT64_MAX - size ||
        image->segment_count == GO_SEGMENTS_MAX) {
        return false;
    }
    image->segments[image->segment_count++] = (struct go_segment){
        .address = address,
        .size = size,
        .offset = (size_t)offset,
        .executable = (go_image_32(header + offsetof(Elf64_Phdr, p_flags)) & PF_X) != 0};
    return true;
}

static const struct go_segment *segment_of(const struct go_image *image, uint64_t address)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct go_segment *segment = &image->segments[i];
        if (address >= segment->address && address - segment->address < segment->size) {
            return segment;
        }
    }
    return NULL;
}

static const uint8_t *in_segment(const struct go_image *image, const struct go_segment *segment,
                                 uint64_t address, uint64_t size)
{
    uint64_t inside = segment != NULL ? address - segment->address : 0;
    return segment != NULL && size <= segment->size - inside
               ? image->octets + segment->offset + inside
               : NULL;
}

const uint8_t *go_image_at(const struct go_image *image, uint64_t address, uint64_t size)
{
    return in_segment(image, segment_of(image, address), address, size);
}

const uint8_t *go_image_code(const struct go_image *image, uint64_t address, uint64_t size)
{
    const struct go_segment *segment = segment_of(image, address);
    return segment != NULL && segment->executable ? in_segment(image, segment, address, size)
                                                  : NULL;
}

bool go_image_address(const struct go_image *image, size_t offset, uint64_t *out)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct go_segment *segment = &image->segments[i];
        if (offset >= segment->offset && offset - segment->offset < segment->size) {
            *out = segment->address + (offset - segment->offset);
            return true;
        }
    }
    return false;
}

/* ---- relocations ---- */

/* RELATIVE has the number 8 on x86-64, and 1027 on aarch64. */
static bool is_relative(const struct go_image *image, uint64_t information)
{
    uint32_t type = (uint32_t)information;
    return image->machine == EM_AARCH64 ? type == R_AARCH64_RELATIVE : type == R_X86_64_RELATIVE;
}

static int by_address(const void *left, const void *right)
{
    uint64_t a = ((const struct go_relocation *)left)->address;
    uint64_t b = ((const struct go_relocation *)right)->address;
    return (a > b) - (a < b);
}

static bool read_relocations(struct go_image *image, uint64_t address, uint64_t size)
{
    const uint8_t *table = size > 0 ? go_image_at(image, address, size) : NULL;
    uint64_t count = size / sizeof(Elf64_Rela);
    bool sorted = true;
    if (size == 0 || count == 0) {
        return true;
    }
    image->relocations = table != NULL ? calloc((size_t)count, sizeof *image->relocations) : NULL;
    if (image->relocations == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *entry = table + i * sizeof(Elf64_Rela);
        if (is_relative(image, go_image_64(entry + offsetof(Elf64_Rela, r_info)))) {
            struct go_relocation *next = &image->relocations[image->relocation_count++];
            next->address = go_image_64(entry);
            next->addend = go_image_64(entry + offsetof(Elf64_Rela, r_addend));
            sorted = sorted && (next == image->relocations || next[-1].address <= next->address);
        }
    }
    if (!sorted) {
        qsort(image->relocations, image->relocation_count, sizeof *image->relocations, by_address);
    }
    return true;
}

/* Finds the table in the dynamic section. */
static bool read_dynamic(struct go_image *image, const uint8_t *header)
{
    uint64_t size = go_image_64(header + offsetof(Elf64_Phdr, p_filesz));
    const uint8_t *at = file_at(image, go_image_64(header + offsetof(Elf64_Phdr, p_offset)), size);
    uint64_t table = 0;
    uint64_t table_size = 0;
    if (at == NULL) {
        return false;
    }
    for (; size >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn), size -= sizeof(Elf64_Dyn)) {
        uint64_t tag = go_image_64(at);
        uint64_t value = go_image_64(at + offsetof(Elf64_Dyn, d_un));
        if (tag == DT_NULL) {
            break;
        }
        table = tag == DT_RELA ? value : table;
        table_size = tag == DT_RELASZ ? value : table_size;
    }
    return read_relocations(image, table, table_size);
}

bool go_image_pointer(const struct go_image *image, uint64_t address, uint64_t *out)
{
    const uint8_t *at = go_image_at(image, address, sizeof *out);
    const struct go_relocation key = {.address = address};
    if (at == NULL) {
        return false;
    }
    *out = go_image_64(at);
    const struct go_relocation *found =
        image->relocation_count > 0
            ? bsearch(&key, image->relocations, image->relocation_count, sizeof key, by_address)
            : NULL;
    if (found != NULL) {
        *out = found->addend;
    }
    return true;
}

/* ---- the file ---- */

static bool read_headers(struct go_image *image)
{
    const uint8_t *header = file_at(image, 0, sizeof(Elf64_Ehdr));
    if (header == NULL || memcmp(header, ELFMAG, SELFMAG) != 0 || header[EI_CLASS] != ELFCLASS64 ||
        header[EI_DATA] != ELFDATA2LSB) {
        return false;
    }
    uint64_t at = go_image_64(header + offsetof(Elf64_Ehdr, e_phoff));
    uint16_t count = go_image_16(header + offsetof(Elf64_Ehdr, e_phnum));
    const uint8_t *table = file_at(image, at, (uint64_t)count * sizeof(Elf64_Phdr));
    if (table == NULL ||
        go_image_16(header + offsetof(Elf64_Ehdr, e_phentsize)) != sizeof(Elf64_Phdr)) {
        return false;
    }
    image->machine = go_image_16(header + offsetof(Elf64_Ehdr, e_machine));
    image->start = go_image_64(header + offsetof(Elf64_Ehdr, e_entry));
    image->moves = go_image_16(header + offsetof(Elf64_Ehdr, e_type)) == ET_DYN;
    const uint8_t *dynamic = NULL;
    for (uint16_t i = 0; i < count; i++, table += sizeof(Elf64_Phdr)) {
        uint32_t type = go_image_32(table);
        if (type == PT_LOAD && !add_segment(image, table)) {
            return false;
        }
        dynamic = type == PT_DYNAMIC ? table : dynamic;
    }
    return dynamic == NULL || read_dynamic(image, dynamic);
}

bool go_image_open(struct go_image *image, const uint8_t *octets, size_t length)
{
    *image = (struct go_image){.octets = octets, .length = length};
    if (!read_headers(image)) {
        go_image_close(image);
        return false;
    }
    return true;
}

void go_image_close(struct go_image *image)
{
    free(image->relocations);
    image->relocations = NULL;
    image->relocation_count = 0;
}
