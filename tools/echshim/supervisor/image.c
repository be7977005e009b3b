/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/image.h"

#include <stdlib.h>
#include <string.h>

#include "tools/echshim/go/ask.h"

struct mapping {
    unsigned long long start;
    unsigned long long end;
    bool writable;
    bool code;                   /* and nothing can be written */
    struct supervisor_file file; /* inode 0: none */
    const char *name;            /* up to the end of the line */
    size_t name_length;
};

/* Takes a number, and the octet `end` behind it, off the text. */
static bool take_number(const char **text, int base, char end, unsigned long long *out)
{
    char *stop;
    *out = strtoull(*text, &stop, base);
    if (stop == *text || *stop != end) {
        return false;
    }
    *text = stop + 1;
    return true;
}

/* "START-END PERMISSIONS OFFSET MAJOR:MINOR INODE   NAME". Moves *text to the next line. */
static bool next_mapping(const char **text, struct mapping *mapping)
{
    const char *at = *text;
    const char *end = at + strcspn(at, "\n");
    unsigned long long offset;
    unsigned long long major;
    unsigned long long minor;
    if (!take_number(&at, 16, '-', &mapping->start) || !take_number(&at, 16, ' ', &mapping->end) ||
        end - at < 5) {
        return false;
    }
    mapping->writable = strncmp(at, "rw", 2) == 0;
    mapping->code = strncmp(at, "r-x", 3) == 0;
    at += 5;
    if (!take_number(&at, 16, ' ', &offset) || !take_number(&at, 16, ':', &major) ||
        !take_number(&at, 16, ' ', &minor) || !take_number(&at, 10, ' ', &mapping->file.inode) ||
        at > end) {
        return false;
    }
    mapping->file.major = (unsigned)major;
    mapping->file.minor = (unsigned)minor;
    at += strspn(at, " ");
    mapping->name = at;
    mapping->name_length = (size_t)(end - at);
    *text = end + (*end == '\n');
    return true;
}

static bool is_same(const struct supervisor_file *a, const struct supervisor_file *b)
{
    return a->inode != 0 && a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

bool supervisor_file_at(const char *maps, uint64_t address, struct supervisor_file *file)
{
    struct mapping mapping;
    while (next_mapping(&maps, &mapping)) {
        if (address >= mapping.start && address < mapping.end) {
            *file = mapping.file;
            return file->inode != 0;
        }
    }
    return false;
}

static bool is_stub(const struct mapping *mapping, const struct supervisor_stubs *stubs)
{
    for (size_t i = 0; i < stubs->count; i++) {
        if (is_same(&mapping->file, &stubs->file[i])) {
            return true;
        }
    }
    return false;
}

/* Before glibc 2.34 connect and its kin were in libpthread too. */
static bool is_c_library(const struct mapping *mapping, bool narrow)
{
    static const char *const starts[] = {"libc.so.", "libc-2.", "libpthread.so.", "libpthread-2."};
    static const char vdso[] = "[vdso]";
    size_t base = mapping->name_length;
    while (base > 0 && mapping->name[base - 1] != '/') {
        base--;
    }
    const char *name = mapping->name + base;
    size_t length = mapping->name_length - base;
    for (size_t i = 0; mapping->file.inode != 0 && i < sizeof starts / sizeof *starts; i++) {
        if (length > strlen(starts[i]) && strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return narrow && length == strlen(vdso) && strncmp(name, vdso, length) == 0;
}

/* The stub keeps the pass at a multiple of its size (shim/stub/supervised.c). Its data are a few
 * pages. */
static bool holds_pass(const struct mapping *data, const struct shim_pass *pass,
                       const struct supervisor_memory *memory)
{
    enum { CHUNK = 4096, LARGEST = 64 * CHUNK };
    struct shim_pass chunk[CHUNK / sizeof(struct shim_pass)];
    for (uint64_t at = data->start; at < data->end && at - data->start < LARGEST; at += CHUNK) {
        if (memory->read(memory->context, at, chunk, sizeof chunk) != SUPERVISOR_READ) {
            return false;
        }
        for (size_t i = 0; i < sizeof chunk / sizeof *chunk; i++) {
            if (memcmp(&chunk[i], pass, sizeof *pass) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool supervisor_image_answers(const char *maps, uint64_t instruction, bool narrow,
                              const struct supervisor_stubs *stubs, const struct shim_pass *pass,
                              const struct supervisor_memory *memory)
{
    struct mapping mapping;
    bool lives = false;
    bool calls = false;
    while (next_mapping(&maps, &mapping)) {
        bool stub = is_stub(&mapping, stubs);
        lives = lives || (stub && mapping.writable && holds_pass(&mapping, pass, memory));
        if (instruction > mapping.start && instruction <= mapping.end) {
            calls = is_c_library(&mapping, narrow);
        }
    }
    return lives && calls;
}

/* The kernel joins neighbours, so the detour may stand at any page of a mapping. */
static bool holds_detour(const struct mapping *code, const struct shim_pass *pass,
                         const struct supervisor_memory *memory)
{
    enum { PAGE = 4096, LARGEST = 64 * PAGE };
    struct {
        char mark[GO_DETOUR_MARK_SIZE];
        struct shim_pass pass;
    } head;
    for (uint64_t at = code->start; at < code->end && at - code->start < LARGEST; at += PAGE) {
        if (memory->read(memory->context, at, &head, sizeof head) != SUPERVISOR_READ) {
            return false;
        }
        if (memcmp(head.mark, GO_DETOUR_MARK, sizeof head.mark) == 0 &&
            memcmp(&head.pass, pass, sizeof *pass) == 0) {
            return true;
        }
    }
    return false;
}

bool supervisor_image_asks(const char *maps, const struct shim_pass *pass,
                           const struct supervisor_memory *memory)
{
    struct mapping mapping;
    while (next_mapping(&maps, &mapping)) {
        if (mapping.code && mapping.file.inode == 0 && holds_detour(&mapping, pass, memory)) {
            return true;
        }
    }
    return false;
}
