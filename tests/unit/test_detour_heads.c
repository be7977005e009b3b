/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The heads that compilers give functions for many flags (detour_heads/make.sh): each function of
 * these files has a plan, whose trampoline does what the head does. */
#include "shim/stub/detour_plan.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(detour_heads, .timeout = 60);

#define FOLDER "build/heads"

/* Where the files would be loaded, and how far away the trampolines are. */
enum { BASE = 0x10000000, FAR = 0x8000000 };

struct file {
    const uint8_t *octets;
    size_t size;
    struct stub_image image;
};

static struct file open_file(const char *name)
{
    char path[1024];
    struct stat status;
    struct file file = {.octets = NULL};
    snprintf(path, sizeof path, FOLDER "/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(fstat(fd, &status), 0, "%s", path);
    file.size = (size_t)status.st_size;
    file.octets = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
    cr_assert_neq((const void *)file.octets, MAP_FAILED);
    close(fd);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)file.octets;
    const Elf64_Phdr *program = (const Elf64_Phdr *)(file.octets + header->e_phoff);
    for (size_t i = 0; i < header->e_phnum; i++) {
        if (program[i].p_type == PT_LOAD) {
            file.image.segments[file.image.count++] = (struct stub_segment){
                BASE + program[i].p_vaddr, program[i].p_filesz, file.octets + program[i].p_offset,
                program[i].p_flags == (PF_R | PF_X)};
        }
    }
    return file;
}

/* Is this function one of heads.c, and not one that the compiler added? */
static bool is_tested(const Elf64_Sym *symbol, const char *name)
{
    return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_value != 0 &&
           ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
           ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT && strncmp(name, "_", 1) != 0;
}

/* Plans all functions; gives how many there are. `refused`: what each plan must say, or NULL. */
static size_t plan_all(const char *name, const char *flags, const char *refused)
{
    struct file file = open_file(name);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)file.octets;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(file.octets + header->e_shoff);
    size_t count = 0;
    for (size_t i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB) {
            continue;
        }
        const Elf64_Sym *symbols = (const Elf64_Sym *)(file.octets + sections[i].sh_offset);
        const char *strings = (const char *)file.octets + sections[sections[i].sh_link].sh_offset;
        for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; k++) {
            const char *function = strings + symbols[k].st_name;
            struct stub_detour_plan plan;
            if (!is_tested(&symbols[k], function)) {
                continue;
            }
            uintptr_t address = BASE + symbols[k].st_value;
            const char *said =
                stub_detour_plan(&file.image, address, symbols[k].st_size, address + FAR, &plan);
            cr_expect(said == refused ||
                          (said != NULL && refused != NULL && strcmp(said, refused) == 0),
                      "%s %s: %s", flags, function, said != NULL ? said : "has a plan");
            count++;
        }
    }
    munmap((void *)(uintptr_t)file.octets, file.size);
    return count;
}

Test(detour_heads, of_compilers_and_flags)
{
    enum { FUNCTIONS = 25 };
    char line[512];
    size_t builds = 0;
    FILE *flags = fopen(FOLDER "/flags", "re");
    if (flags == NULL) {
        cr_skip_test("there are no detours on this machine");
    }
    while (fgets(line, sizeof line, flags) != NULL) {
        char *rest = strchr(line, ' ');
        *rest++ = '\0';
        rest[strcspn(rest, "\n")] = '\0';
        /* XRay changes these octets while the program runs. */
        const char *refused = strstr(rest, "-fxray-instrument") != NULL ? "is too short" : NULL;
        cr_expect_geq(plan_all(line, rest, refused), FUNCTIONS, "%s", rest);
        builds++;
    }
    fclose(flags);
    cr_assert_geq(builds, 30);
}
