/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/executable.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

/* No linker makes so many program headers, notes and dynamic entries. */
enum { HEADERS_MAX = 256, NOTES_MAX = 64, ENTRIES_MAX = 512 };

/* The places of the fields that we need, in the two classes (System V ABI, "ELF header" and
 * "Program header"). */
struct layout {
    size_t header;         /* octets of the ELF header */
    size_t phoff;          /* place of e_phoff, one address wide */
    size_t phentsize;      /* place of e_phentsize; e_phnum follows */
    size_t segment;        /* octets of a program header */
    size_t segment_offset; /* place of p_offset in it, one address wide */
    size_t segment_vaddr;  /* place of p_vaddr, one address wide */
    size_t segment_filesz; /* place of p_filesz, one address wide */
    size_t address;        /* octets of an address */
};

static const struct layout layout_32 = {
    .header = sizeof(Elf32_Ehdr),
    .phoff = offsetof(Elf32_Ehdr, e_phoff),
    .phentsize = offsetof(Elf32_Ehdr, e_phentsize),
    .segment = sizeof(Elf32_Phdr),
    .segment_offset = offsetof(Elf32_Phdr, p_offset),
    .segment_vaddr = offsetof(Elf32_Phdr, p_vaddr),
    .segment_filesz = offsetof(Elf32_Phdr, p_filesz),
    .address = 4,
};

static const struct layout layout_64 = {
    .header = sizeof(Elf64_Ehdr),
    .phoff = offsetof(Elf64_Ehdr, e_phoff),
    .phentsize = offsetof(Elf64_Ehdr, e_phentsize),
    .segment = sizeof(Elf64_Phdr),
    .segment_offset = offsetof(Elf64_Phdr, p_offset),
    .segment_vaddr = offsetof(Elf64_Phdr, p_vaddr),
    .segment_filesz = offsetof(Elf64_Phdr, p_filesz),
    .address = 8,
};

/* `size` octets (8 at most) in the file's order; the caller has checked that they are there. */
static uint64_t number(const struct shim_executable *image, const uint8_t *octets, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        size_t at = image->elf_data == ELFDATA2LSB ? size - 1 - i : i;
        value = value << 8 | octets[at];
    }
    return value;
}

/* What the parsing of one file needs. */
struct elf {
    struct shim_executable *image;
    const struct layout *layout;
    shim_executable_read *read;
    void *context;
    uint64_t headers; /* place of the program headers */
    uint64_t count;
};

struct segment {
    uint64_t type;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t size; /* in the file */
};

static bool read_at(const struct elf *elf, uint64_t offset, void *out, size_t length)
{
    return elf->read(elf->context, offset, out, length) == length;
}

static bool read_segment(const struct elf *elf, uint64_t index, struct segment *segment)
{
    const struct layout *layout = elf->layout;
    uint8_t octets[sizeof(Elf64_Phdr)];
    if (!read_at(elf, elf->headers + index * layout->segment, octets, layout->segment)) {
        return false;
    }
    *segment = (struct segment){
        .type = number(elf->image, octets, 4),
        .offset = number(elf->image, octets + layout->segment_offset, layout->address),
        .vaddr = number(elf->image, octets + layout->segment_vaddr, layout->address),
        .size = number(elf->image, octets + layout->segment_filesz, layout->address),
    };
    return true;
}

/* Like the kernel, wants a NUL at the end. */
static enum shim_executable_kind parse_interpreter(const struct elf *elf,
                                                   const struct segment *segment)
{
    char *out = elf->image->interpreter;
    if (segment->size < 2 || segment->size > sizeof elf->image->interpreter ||
        !read_at(elf, segment->offset, out, (size_t)segment->size) ||
        out[segment->size - 1] != '\0' || out[0] == '\0') {
        out[0] = '\0';
        return SHIM_EXECUTABLE_BROKEN;
    }
    return SHIM_EXECUTABLE_DYNAMIC;
}

/* Go's linker puts a note with the owner "Go" into every program. */
static bool has_note_of_go(const struct elf *elf, const struct segment *segment)
{
    struct {
        uint8_t lengths[12]; /* of the name, of the contents; the type */
        char name[4];
    } note;
    uint64_t at = 0;
    for (unsigned i = 0; i < NOTES_MAX && at < segment->size; i++) {
        if (segment->offset > UINT64_MAX - at ||
            !read_at(elf, segment->offset + at, &note, sizeof note)) {
            return false;
        }
        uint64_t name = number(elf->image, note.lengths, 4);
        uint64_t contents = number(elf->image, note.lengths + 4, 4);
        if (name == sizeof note.name && memcmp(note.name, "Go\0", sizeof note.name) == 0) {
            return true;
        }
        at += sizeof note.lengths + (name + 3) / 4 * 4 + (contents + 3) / 4 * 4;
    }
    return false;
}

/* Finds the place in the file of an address in memory. */
static bool place_of(const struct elf *elf, uint64_t address, uint64_t *place)
{
    struct segment segment;
    for (uint64_t i = 0; i < elf->count && read_segment(elf, i, &segment); i++) {
        if (segment.type == PT_LOAD && address >= segment.vaddr &&
            address - segment.vaddr < segment.size &&
            segment.offset <= UINT64_MAX - (address - segment.vaddr)) {
            *place = segment.offset + (address - segment.vaddr);
            return true;
        }
    }
    return false;
}

static bool is_name_of_loader(const char *name)
{
    static const char *const starts[] = {"ld-linux", "ld64.so", "ld.so"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* DT_SONAME tells glibc's loader. */
static bool is_loader(const struct elf *elf, const struct segment *dynamic)
{
    size_t width = elf->layout->address;
    uint64_t soname = 0;
    uint64_t strings = 0;
    bool named = false;
    for (uint64_t i = 0; i < ENTRIES_MAX && (i + 1) * 2 * width <= dynamic->size; i++) {
        uint8_t entry[16];
        if (dynamic->offset > UINT64_MAX - i * 2 * width ||
            !read_at(elf, dynamic->offset + i * 2 * width, entry, 2 * width)) {
            return false;
        }
        uint64_t tag = number(elf->image, entry, width);
        uint64_t value = number(elf->image, entry + width, width);
        if (tag == DT_NULL) {
            break;
        }
        named = named || tag == DT_SONAME;
        soname = tag == DT_SONAME ? value : soname;
        strings = tag == DT_STRTAB ? value : strings;
    }
    char name[16] = "";
    uint64_t place;
    return named && place_of(elf, strings, &place) && place <= UINT64_MAX - soname &&
           elf->read(elf->context, place + soname, name, sizeof name - 1) > 0 &&
           is_name_of_loader(name);
}

static void parse_segments(struct elf *elf, const uint8_t *header)
{
    const struct layout *layout = elf->layout;
    struct shim_executable *image = elf->image;
    uint64_t size = number(image, header + layout->phentsize, 2);
    elf->headers = number(image, header + layout->phoff, layout->address);
    elf->count = number(image, header + layout->phentsize + 2, 2);
    if (size != layout->segment || elf->count == 0 || elf->count > HEADERS_MAX ||
        elf->headers > UINT64_MAX - elf->count * size) {
        return;
    }
    enum shim_executable_kind kind = SHIM_EXECUTABLE_STATIC;
    bool loader = false;
    for (uint64_t i = 0; i < elf->count; i++) {
        struct segment segment;
        if (!read_segment(elf, i, &segment)) {
            return;
        }
        if (segment.type == PT_INTERP && kind == SHIM_EXECUTABLE_STATIC) {
            kind = parse_interpreter(elf, &segment);
        }
        image->go = image->go || (segment.type == PT_NOTE && has_note_of_go(elf, &segment));
        loader = loader || (segment.type == PT_DYNAMIC && is_loader(elf, &segment));
    }
    image->kind = kind == SHIM_EXECUTABLE_STATIC && loader ? SHIM_EXECUTABLE_LOADER : kind;
}

static void parse_elf(struct shim_executable *image, const uint8_t *header, size_t length,
                      shim_executable_read *read, void *context)
{
    image->kind = SHIM_EXECUTABLE_BROKEN;
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
        struct elf elf = {.image = image, .layout = layout, .read = read, .context = context};
        parse_segments(&elf, header);
    }
}

static size_t skip_blanks(const char *line, size_t at)
{
    while (line[at] == ' ' || line[at] == '\t') {
        at++;
    }
    return at;
}

/* Like the kernel (fs/binfmt_script.c), takes the first word, and the rest as one argument. */
static void parse_script(struct shim_executable *image, const char *text, size_t length)
{
    char line[SHIM_EXECUTABLE_LINE];
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
    image->kind = SHIM_EXECUTABLE_SCRIPT;
}

void shim_executable_parse(struct shim_executable *image, shim_executable_read *read, void *context)
{
    uint8_t head[SHIM_EXECUTABLE_LINE];
    *image = (struct shim_executable){.kind = SHIM_EXECUTABLE_OTHER};
    size_t length = read(context, 0, head, sizeof head);
    if (length >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
        parse_elf(image, head, length, read, context);
    } else if (length >= 2 && head[0] == '#' && head[1] == '!') {
        parse_script(image, (const char *)head, length);
    }
}

/* The linker's name for the ELF header of this very library or program. */
extern const ElfW(Ehdr) __ehdr_start /* NOLINT(bugprone-reserved-identifier) */
    __attribute__((visibility("hidden")));

void shim_executable_own(struct shim_executable *image)
{
    *image = (struct shim_executable){
        .kind = SHIM_EXECUTABLE_DYNAMIC,
        .elf_class = __ehdr_start.e_ident[EI_CLASS],
        .elf_data = __ehdr_start.e_ident[EI_DATA],
        .machine = __ehdr_start.e_machine,
    };
}
