/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/image.h"

#include <stdio.h>
#include <string.h>

struct mapping {
    unsigned long long start;
    unsigned long long end;
    bool writable;
    struct supervisor_file file; /* inode 0: none */
    const char *name;            /* up to the end of the line */
    size_t name_length;
};

/* "START-END PERMISSIONS OFFSET MAJOR:MINOR INODE   NAME". Moves *text to the next line. */
static bool next_mapping(const char **text, struct mapping *mapping)
{
    const char *line = *text;
    size_t length = strcspn(line, "\n");
    char permissions[5];
    int name = 0;
    if (length == 0 ||
        sscanf(line, "%llx-%llx %4s %*x %x:%x %llu %n", &mapping->start, &mapping->end, permissions,
               &mapping->file.major, &mapping->file.minor, &mapping->file.inode, &name) < 6) {
        return false;
    }
    mapping->writable = strncmp(permissions, "rw", 2) == 0;
    /* Without a name the last blank of the format would pass over the newline too. */
    mapping->name = (size_t)name <= length ? line + name : line + length;
    mapping->name_length = (size_t)(line + length - mapping->name);
    *text = line + length + (line[length] == '\n');
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
    enum { CHUNK = 4096, CHUNKS_MAX = 64 };
    struct shim_pass chunk[CHUNK / sizeof(struct shim_pass)];
    for (uint64_t at = data->start; at < data->end && at - data->start < CHUNKS_MAX * CHUNK;
         at += CHUNK) {
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
            calls = stub || is_c_library(&mapping, narrow);
        }
    }
    return lives && calls;
}
