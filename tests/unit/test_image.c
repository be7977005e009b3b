/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an executable is: files of this machine, handmade files, and hostile ones. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/executable.h"
#include "shim/common/preloadable.h"
#include "tools/common/elf_needed.h"
#include "tools/common/tls_marks.h"

struct octets {
    const uint8_t *data;
    size_t length;
};

static size_t read_octets(void *context, uint64_t offset, void *out, size_t length)
{
    const struct octets *octets = context;
    if (offset > octets->length) {
        return 0;
    }
    size_t left = octets->length - (size_t)offset;
    size_t count = length < left ? length : left;
    memcpy(out, octets->data + offset, count);
    return count;
}

static struct shim_executable parse(const void *data, size_t length)
{
    struct octets octets = {data, length};
    struct shim_executable image;
    memset(&image, 0xa5, sizeof image);
    shim_executable_parse(&image, read_octets, &octets);
    return image;
}

/* The header, three segments, the loader's name, a dynamic section and its names. */
struct parts {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3];
    char loader[64];
    Elf64_Dyn dynamic[5];
    char names[64];
};

enum {
    LOADER = offsetof(struct parts, loader),
    NAMES = offsetof(struct parts, names),
    SIZE = sizeof(struct parts)
};

union made {
    struct parts parts;
    uint8_t octets[SIZE];
};

static union made make_64(void)
{
    union made file = {
        .parts = {
            .header = {.e_ident = ELFMAG,
                       .e_type = ET_DYN,
                       .e_machine = EM_X86_64,
                       .e_phoff = offsetof(struct parts, segments),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 3},
            .segments = {{.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = SIZE},
                         {.p_type = PT_INTERP, .p_offset = LOADER, .p_filesz = sizeof "/lib/ld"},
                         {.p_type = PT_DYNAMIC,
                          .p_offset = offsetof(struct parts, dynamic),
                          .p_filesz = 5 * sizeof(Elf64_Dyn)}},
            .loader = "/lib/ld",
            .dynamic = {{.d_tag = DT_NEEDED, .d_un.d_val = 1},
                        {.d_tag = DT_NEEDED, .d_un.d_val = 13},
                        {.d_tag = DT_STRTAB, .d_un.d_ptr = 0x1000 + NAMES},
                        {.d_tag = DT_STRSZ, .d_un.d_val = sizeof file.parts.names}},
            .names = "\0libssl.so.3\0libc.so.6",
        }};
    file.parts.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.parts.header.e_ident[EI_DATA] = ELFDATA2LSB;
    return file;
}

struct names {
    char text[256];
    size_t count;
    size_t most;
};

static bool take(void *context, const char *name)
{
    struct names *names = context;
    strcat(names->text, name);
    strcat(names->text, " ");
    names->count++;
    return names->count < names->most;
}

Test(image, made_by_hand)
{
    union made file = make_64();
    struct shim_executable image = parse(file.octets, sizeof file.octets);
    cr_assert_eq(image.kind, SHIM_EXECUTABLE_DYNAMIC);
    cr_assert_str_eq(image.interpreter, "/lib/ld");
    cr_assert_eq(image.machine, EM_X86_64);
    struct names names = {.most = 9};
    cr_assert(elf_needed(file.octets, sizeof file.octets, take, &names));
    cr_assert_str_eq(names.text, "libssl.so.3 libc.so.6 ");
    names = (struct names){.most = 1};
    cr_assert(elf_needed(file.octets, sizeof file.octets, take, &names));
    cr_assert_str_eq(names.text, "libssl.so.3 ");
}

/* The C library of this process: what it exports, and each tenth part of its file. */
Test(image, exported_functions)
{
    Dl_info info;
    struct stat status;
    cr_assert_neq(dladdr((const void *)(uintptr_t)getenv, &info), 0);
    int fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(fstat(fd, &status), 0);
    size_t length = (size_t)status.st_size;
    const uint8_t *octets = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
    cr_assert_neq(octets, MAP_FAILED);
    cr_assert(elf_exports(octets, length, "getenv"));
    cr_assert_not(elf_exports(octets, length, "geten"));
    cr_assert_not(elf_exports(octets, length, "SSL_connect"));
    cr_assert_not(elf_exports(octets, length, "_rtld_global")); /* another library's */
    for (size_t part = 0; part < 10; part++) {
        uint8_t *copy = malloc(length * part / 10 + 1);
        memcpy(copy, octets, length * part / 10);
        (void)elf_exports(copy, length * part / 10, "getenv");
        free(copy);
    }
}

/* A separate copy for each length, so that a sanitizer sees any read past the end. */
Test(image, truncated_at_each_octet)
{
    union made file = make_64();
    for (size_t length = 0; length < sizeof file.octets; length++) {
        uint8_t *part = malloc(length + 1);
        memcpy(part, file.octets, length);
        struct shim_executable image = parse(part, length);
        bool loader = length >= LOADER + sizeof "/lib/ld";
        cr_assert_eq(image.kind,
                     length < SELFMAG ? SHIM_EXECUTABLE_OTHER
                     : loader         ? SHIM_EXECUTABLE_DYNAMIC
                                      : SHIM_EXECUTABLE_BROKEN,
                     "%zu octets", length);
        cr_assert_eq(image.interpreter[0] != '\0', loader);
        struct names names = {.most = 9};
        (void)elf_needed(part, length, take, &names);
        cr_assert(length >= NAMES + 23 || names.count < 2);
        free(part);
    }
}

/* Sets every octet to values that break sums and signs. */
Test(image, each_octet_changed)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    for (size_t at = 0; at < SIZE; at++) {
        for (size_t i = 0; i < sizeof values; i++) {
            union made file = make_64();
            file.octets[at] = values[i];
            struct shim_executable image = parse(file.octets, sizeof file.octets);
            cr_assert_leq(strnlen(image.interpreter, sizeof image.interpreter),
                          sizeof image.interpreter - 1);
            struct names names = {.most = 9};
            (void)elf_needed(file.octets, sizeof file.octets, take, &names);
        }
    }
}

Test(image, both_classes_and_orders)
{
    Elf32_Ehdr small = {.e_ident = ELFMAG};
    small.e_ident[EI_CLASS] = ELFCLASS32;
    small.e_ident[EI_DATA] = ELFDATA2MSB;
    small.e_type = __builtin_bswap16(ET_EXEC);
    small.e_machine = __builtin_bswap16(EM_PPC);
    small.e_phoff = __builtin_bswap32(sizeof small);
    small.e_phentsize = __builtin_bswap16(sizeof(Elf32_Phdr));
    small.e_phnum = __builtin_bswap16(1);
    Elf32_Phdr segment = {.p_type = __builtin_bswap32(PT_LOAD)};
    uint8_t file[sizeof small + sizeof segment];
    memcpy(file, &small, sizeof small);
    memcpy(file + sizeof small, &segment, sizeof segment);
    struct shim_executable image = parse(file, sizeof file);
    cr_assert_eq(image.kind, SHIM_EXECUTABLE_STATIC);
    cr_assert_eq(image.machine, EM_PPC);
    cr_assert_eq(image.elf_class, ELFCLASS32);
}

Test(image, loaders_that_are_no_names)
{
    union made file = make_64();
    file.parts.loader[7] = 'x'; /* no NUL */
    cr_assert_eq(parse(file.octets, sizeof file.octets).kind, SHIM_EXECUTABLE_BROKEN);
    file = make_64();
    file.parts.loader[0] = '\0';
    cr_assert_eq(parse(file.octets, sizeof file.octets).kind, SHIM_EXECUTABLE_BROKEN);
    file = make_64();
    file.parts.header.e_phoff = UINT64_MAX - 8;
    cr_assert_eq(parse(file.octets, sizeof file.octets).kind, SHIM_EXECUTABLE_BROKEN);
    struct names names = {.most = 9};
    cr_assert_not(elf_needed(file.octets, sizeof file.octets, take, &names));
}

Test(image, names_out_of_their_table)
{
    union made file = make_64();
    struct names names = {.most = 9};
    file.parts.dynamic[1].d_un.d_val = sizeof file.parts.names;
    cr_assert_not(elf_needed(file.octets, sizeof file.octets, take, &names));
    file = make_64();
    file.parts.dynamic[2].d_un.d_ptr = 0x1000 + SIZE - 1; /* now the table is too large */
    cr_assert_not(elf_needed(file.octets, sizeof file.octets, take, &names));
    file = make_64();
    file.parts.dynamic[3].d_un.d_val = 20; /* now the last name has no end */
    cr_assert_not(elf_needed(file.octets, sizeof file.octets, take, &names));
}

static void expect_script(const char *line, const char *interpreter, const char *argument)
{
    struct shim_executable image = parse(line, strlen(line));
    cr_assert_eq(image.kind, *interpreter != '\0' ? SHIM_EXECUTABLE_SCRIPT : SHIM_EXECUTABLE_OTHER,
                 "%s", line);
    cr_assert_str_eq(image.interpreter, interpreter);
    cr_assert_str_eq(image.argument, argument);
}

Test(image, scripts)
{
    expect_script("#!/bin/sh\necho", "/bin/sh", "");
    expect_script("#!/bin/sh", "/bin/sh", "");
    expect_script("#! \t/bin/sh \t\n", "/bin/sh", "");
    expect_script("#!/usr/bin/env -S a b  c \n", "/usr/bin/env", "-S a b  c");
    expect_script("#!\n/bin/sh", "", "");
    expect_script("#!", "", "");
    expect_script("#", "", "");
    expect_script("", "", "");
    expect_script("echo\n", "", "");
    char longest[600];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "#!/", 3);
    struct shim_executable image = parse(longest, sizeof longest);
    cr_assert_eq(image.kind, SHIM_EXECUTABLE_SCRIPT);
    cr_assert_eq(strlen(image.interpreter), (size_t)SHIM_EXECUTABLE_LINE - 3);
}

/* ---- files of this machine ---- */

Test(image, this_program)
{
    struct shim_executable own;
    struct shim_executable image;
    shim_executable_own(&own);
    cr_assert_eq(shim_preloadable_at(AT_FDCWD, "/proc/self/exe", 0, NULL, &image),
                 SHIM_PRELOADABLE_YES);
    cr_assert_eq(image.machine, own.machine);
    cr_assert_eq(image.elf_class, own.elf_class);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(shim_preloadable_at(fd, "", AT_EMPTY_PATH, NULL, &image), SHIM_PRELOADABLE_YES);
    close(fd);
    cr_assert_eq(shim_preloadable_at(AT_FDCWD, "/no/such/file", 0, NULL, &image),
                 SHIM_PRELOADABLE_MISSING);
    cr_assert_eq(shim_preloadable_at(AT_FDCWD, "/proc/self", 0, NULL, &image),
                 SHIM_PRELOADABLE_MISSING);
    cr_assert_eq(shim_preloadable_at(AT_FDCWD, "/etc/passwd", 0, NULL, &image),
                 SHIM_PRELOADABLE_FORMAT);
}

/* ---- the dynamic loader, and programs of Go ---- */

/* What a 64-bit ELF file says of itself in a dynamic section and a note. */
struct told {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3];
    Elf64_Dyn entries[3];
    struct {
        uint32_t lengths[3];
        char name[4];
    } note;
    char strings[32];
};

static struct told make_told(const char *soname, const char *owner)
{
    struct shim_executable own;
    shim_executable_own(&own);
    struct told file = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, own.elf_data, EV_CURRENT},
                   .e_type = ET_DYN,
                   .e_machine = own.machine,
                   .e_phoff = offsetof(struct told, segments),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3},
        .segments = {{.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof file},
                     {.p_type = PT_DYNAMIC,
                      .p_offset = offsetof(struct told, entries),
                      .p_filesz = sizeof file.entries},
                     {.p_type = PT_NOTE,
                      .p_offset = offsetof(struct told, note),
                      .p_filesz = sizeof file.note}},
        .entries = {{.d_tag = DT_STRTAB,
                     .d_un = {.d_val = 0x1000 + offsetof(struct told, strings)}},
                    {.d_tag = DT_SONAME, .d_un = {.d_val = 1}},
                    {.d_tag = DT_NULL}},
        .note = {.lengths = {4, 0, 4}},
    };
    strcpy(file.strings + 1, soname);
    memcpy(file.note.name, owner, 3);
    return file;
}

static struct shim_executable parse_told(const char *soname, const char *owner)
{
    struct told file = make_told(soname, owner);
    return parse(&file, sizeof file);
}

Test(image, the_loader_is_known_by_its_soname)
{
    cr_assert_eq(parse_told("ld-linux-x86-64.so.2", "GNU").kind, SHIM_EXECUTABLE_LOADER);
    cr_assert_eq(parse_told("ld-linux.so.2", "GNU").kind, SHIM_EXECUTABLE_LOADER);
    cr_assert_eq(parse_told("libc.so", "GNU").kind, SHIM_EXECUTABLE_STATIC);
    cr_assert_eq(parse_told("", "GNU").kind, SHIM_EXECUTABLE_STATIC);
    cr_assert_eq(parse_told("libld-linux.so", "GNU").kind, SHIM_EXECUTABLE_STATIC);
}

Test(image, go_is_known_by_its_note)
{
    cr_assert(parse_told("", "Go\0").go);
    cr_assert_not(parse_told("", "GNU").go);
    cr_assert_not(parse_told("", "Gox").go);
}

/* Cuts and changed octets anywhere must do no harm. */
Test(image, a_dynamic_section_and_a_note_of_anything)
{
    struct told file = make_told("ld-linux-x86-64.so.2", "Go\0");
    for (size_t length = 0; length < sizeof file; length++) {
        (void)parse(&file, length);
    }
    for (size_t at = 0; at < sizeof file; at++) {
        for (int value = 0; value < 256; value += 51) {
            struct told other = file;
            ((uint8_t *)&other)[at] = (uint8_t)value;
            (void)parse(&other, sizeof other);
        }
    }
}

Test(image, the_program_among_the_arguments_of_a_loader)
{
    static const struct {
        char *arguments[8];
        const char *program;
    } cases[] = {
        {{"ld.so", "/bin/a", "--x"}, "/bin/a"},
        {{"ld.so", "--library-path", "/l", "/bin/a"}, "/bin/a"},
        {{"ld.so", "--argv0", "/bin/b", "--preload", "/p.so", "./a"}, "./a"},
        {{"ld.so", "--inhibit-cache", "/bin/a"}, "/bin/a"},
        {{"ld.so", "--audit", "/x", "--inhibit-rpath", "/y", "/bin/a"}, "/bin/a"},
        {{"ld.so", "--help"}, NULL},
        {{"ld.so", "--library-path"}, NULL},
        {{"ld.so", "a"}, NULL}, /* the loader would search the library path */
        {{"ld.so"}, NULL},
        {{NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *program = shim_preloadable_loader_program(cases[i].arguments);
        if (cases[i].program == NULL) {
            cr_assert_null(program, "%zu: %s", i, program);
        } else {
            cr_assert_str_eq(program, cases[i].program);
        }
    }
    cr_assert_null(shim_preloadable_loader_program(NULL));
}

/* How preloadable a handmade file is. */
static enum shim_preloadable reach_of(const void *octets, size_t length)
{
    char name[] = "/tmp/echshim-test.XXXXXX";
    struct shim_executable image;
    int fd = mkstemp(name);
    cr_assert_eq(write(fd, octets, length), (ssize_t)length);
    close(fd);
    enum shim_preloadable reach = shim_preloadable_at(AT_FDCWD, name, 0, NULL, &image);
    unlink(name);
    return reach;
}

Test(image, what_a_preload_does_not_reach)
{
    union made file = make_64();
    struct shim_executable own;
    shim_executable_own(&own);
    file.parts.header.e_machine = own.machine;
    cr_assert_eq(reach_of(file.octets, sizeof file.octets),
                 own.elf_class == ELFCLASS64 ? SHIM_PRELOADABLE_YES : SHIM_PRELOADABLE_MACHINE);
    file.parts.header.e_machine = (uint16_t)(own.machine + 1);
    cr_assert_eq(reach_of(file.octets, sizeof file.octets), SHIM_PRELOADABLE_MACHINE);
    if (own.elf_class != ELFCLASS64) {
        return; /* the rest is about programs of this machine */
    }
    file.parts.header.e_machine = own.machine;
    file.parts.segments[1].p_filesz = sizeof "/lib/ld-musl-x86_64.so.1";
    strcpy(file.parts.loader, "/lib/ld-musl-x86_64.so.1");
    cr_assert_eq(reach_of(file.octets, sizeof file.octets), SHIM_PRELOADABLE_LIBC);
    file.parts.segments[1].p_type = PT_NULL;
    cr_assert_eq(reach_of(file.octets, sizeof file.octets), SHIM_PRELOADABLE_STATIC);
    cr_assert_eq(reach_of(file.octets, 60), SHIM_PRELOADABLE_BROKEN);
}

Test(image, every_obstacle_has_a_sentence)
{
    for (int reach = SHIM_PRELOADABLE_STATIC; reach <= SHIM_PRELOADABLE_UNREADABLE; reach++) {
        cr_assert_not_null(shim_preloadable_text((enum shim_preloadable)reach));
    }
    cr_assert_null(shim_preloadable_text(SHIM_PRELOADABLE_YES));
    cr_assert_null(shim_preloadable_text(SHIM_PRELOADABLE_FORMAT));
}

Test(image, preload_lists)
{
    static const struct {
        char *environment[3];
        bool loads;
    } cases[] = {
        {{NULL}, false},
        {{"LD_PRELOAD=", NULL}, false},
        {{"LD_PRELOAD=/a/libechshim.so", NULL}, true},
        {{"LD_PRELOAD=libechshim.so", NULL}, true},
        {{"LD_PRELOAD=/b.so:/a/$LIB/libechshim.so", NULL}, true},
        {{"LD_PRELOAD=/a/libechshim.so /b.so", NULL}, true},
        {{"LD_PRELOAD=/a/notlibechshim.so", NULL}, false},
        {{"LD_PRELOAD=/a/libechshim.so.1", NULL}, false},
        {{"LD_PRELOADX=libechshim.so", NULL}, false},
        {{"LD_PRELOAD=libechshim.so", "LD_PRELOAD=b.so", NULL}, false},
        {{"LD_PRELOAD=b.so", "LD_PRELOAD=:libechshim.so:", NULL}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(shim_preloadable_preloads(cases[i].environment, "libechshim.so"),
                     cases[i].loads, "case %zu", i);
    }
    cr_assert_not(shim_preloadable_preloads(NULL, "libechshim.so"));
}

Test(image, names_of_tls_libraries)
{
    struct tls_library library;
    cr_assert(tls_library_named("libssl.so.3", &library));
    cr_assert_str_eq(library.name, "OpenSSL 3");
    cr_assert(tls_library_named("libssl3.so", &library));
    cr_assert_str_eq(library.name, "NSS");
    cr_assert(tls_library_named("libgnutls.so.30", &library) && library.hooked);
    cr_assert(tls_library_named("libssl.so.1.0.0", &library) && !library.hooked);
    cr_assert_not(tls_library_named("libc.so.6", &library));
    cr_assert_not_null(tls_hint("python3.11"));
    cr_assert_null(tls_hint("gitk"));
    cr_assert_null(tls_hint("show"));
}
