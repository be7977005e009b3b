/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/image.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

/* More program headers than any linker makes. */
enum { HEADERS_MAX = 256 };

/* The fields that are needed, at their places in the two classes (System V ABI, "ELF header" and
 * "Program header"). */
struct layout {
    size_t header;         /* octets of the ELF header */
    size_t phoff;          /* place of e_phoff, one address wide */
    size_t phentsize;      /* place of e_phentsize; e_phnum follows */
    size_t segment;        /* octets of a program header */
    size_t segment_offset; /* place of p_offset in it, one address wide */
    size_t segment_filesz; /* place of p_filesz, one address wide */
    size_t address;        /* octets of an address */
};

static const struct layout layout_32 = {
    .header = sizeof(Elf32_Ehdr),
    .phoff = offsetof(Elf32_Ehdr, e_phoff),
    .phentsize = offsetof(Elf32_Ehdr, e_phentsize),
    .segment = sizeof(Elf32_Phdr),
    .segment_offset = offsetof(Elf32_Phdr, p_offset),
    .segment_filesz = offsetof(Elf32_Phdr, p_filesz),
    .address = 4,
};

static const struct layout layout_64 = {
    .header = sizeof(Elf64_Ehdr),
    .phoff = offsetof(Elf64_Ehdr, e_phoff),
    .phentsize = offsetof(Elf64_Ehdr, e_phentsize),
    .segment = sizeof(Elf64_Phdr),
    .segment_offset = offsetof(Elf64_Phdr, p_offset),
    .segment_filesz = offsetof(Elf64_Phdr, p_filesz),
    .address = 8,
};

/* `size` octets (8 at most) in the file's order; the caller has checked that they are there. */
static uint64_t number(const struct shim_image *image, const uint8_t *octets, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        size_t at = image->elf_data == ELFDATA2LSB ? size - 1 - i : i;
        value = value << 8 | octets[at];
    }
    return value;
}

static void parse_loader(struct shim_image *image, uint64_t offset, uint64_t size,
                         shim_image_read *read, void *context)
{
    /* The kernel wants a NUL at the end, and so do we. */
    if (size < 2 || size > sizeof image->interpreter ||
        read(context, offset, image->interpreter, (size_t)size) != size ||
        image->interpreter[size - 1] != '\0' || image->interpreter[0] == '\0') {
        image->interpreter[0] = '\0';
        return;
    }
    image->kind = SHIM_IMAGE_DYNAMIC;
}

static void parse_segments(struct shim_image *image, const struct layout *layout,
                           const uint8_t *header, shim_image_read *read, void *context)
{
    uint64_t offset = number(image, header + layout->phoff, layout->address);
    uint64_t size = number(image, header + layout->phentsize, 2);
    uint64_t count = number(image, header + layout->phentsize + 2, 2);
    uint8_t segment[sizeof(Elf64_Phdr)];
    if (size != layout->segment || count == 0 || count > HEADERS_MAX ||
        offset > UINT64_MAX - count * size) {
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (read(context, offset + i * size, segment, layout->segment) != layout->segment) {
            return;
        }
        if (number(image, segment, 4) == PT_INTERP) {
            parse_loader(image, number(image, segment + layout->segment_offset, layout->address),
                         number(image, segment + layout->segment_filesz, layout->address), read,
                         context);
            return;
        }
    }
    image->kind = SHIM_IMAGE_STATIC;
}

static void parse_elf(struct shim_image *image, const uint8_t *header, size_t length,
                      shim_image_read *read, void *context)
{
    image->kind = SHIM_IMAGE_BROKEN;
    if (length < EI_NIDENT) {
        return;
    }
    image->elf_class = header[EI_CLASS];
    image->elf_data = header[EI_DATA];
    bool known = (image->elf_class == ELFCLASS32 || image->elf_class == ELFCLASS64) &&
                 (image->elf_data == ELFDATA2LSB || image->elf_data == ELFDATA2MSB);
    const struct layout *layout = image->elf_class == ELFCLASS64 ? &layout_64 : &layout_32;
    if (!known || length < layout->header) {
        return;
    }
    uint64_t type = number(image, header + offsetof(Elf64_Ehdr, e_type), 2);
    image->machine = (uint16_t)number(image, header + offsetof(Elf64_Ehdr, e_machine), 2);
    if (type == ET_EXEC || type == ET_DYN) {
        parse_segments(image, layout, header, read, context);
    }
}

static size_t skip_blanks(const char *line, size_t at)
{
    while (line[at] == ' ' || line[at] == '\t') {
        at++;
    }
    return at;
}

/* The kernel (fs/binfmt_script.c) takes the first word, and what follows it as one argument. */
static void parse_script(struct shim_image *image, const char *text, size_t length)
{
    char line[SHIM_IMAGE_LINE];
    const char *newline = memchr(text, '\n', length);
    size_t end = newline != NULL ? (size_t)(newline - text) : length;
    if (end >= sizeof line) {
        end = sizeof line - 1;
    }
    memcpy(line, text, end);
    while (end > 2 && (line[end - 1] == ' ' || line[end - 1] == '\t')) {
        end--;
    }
    line[end] = '\0';
    size_t start = skip_blanks(line, 2);
    size_t word = strcspn(line + start, " \t");
    size_t rest = skip_blanks(line, start + word);
    if (word == 0) {
        return;
    }
    memcpy(image->interpreter, line + start, word);
    image->interpreter[word] = '\0';
    memcpy(image->argument, line + rest, strlen(line + rest) + 1);
    image->kind = SHIM_IMAGE_SCRIPT;
}

void shim_image_parse(struct shim_image *image, shim_image_read *read, void *context)
{
    uint8_t head[SHIM_IMAGE_LINE];
    *image = (struct shim_image){.kind = SHIM_IMAGE_OTHER};
    size_t length = read(context, 0, head, sizeof head);
    if (length >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
        parse_elf(image, head, length, read, context);
    } else if (length >= 2 && head[0] == '#' && head[1] == '!') {
        parse_script(image, (const char *)head, length);
    }
}

/* The ELF header of what this code was linked into, by the linker's grace: right on every machine.
 */
extern const ElfW(Ehdr) __ehdr_start /* NOLINT(bugprone-reserved-identifier) */
    __attribute__((visibility("hidden")));

void shim_image_own(struct shim_image *image)
{
    *image = (struct shim_image){
        .kind = SHIM_IMAGE_DYNAMIC,
        .elf_class = __ehdr_start.e_ident[EI_CLASS],
        .elf_data = __ehdr_start.e_ident[EI_DATA],
        .machine = __ehdr_start.e_machine,
    };
}
