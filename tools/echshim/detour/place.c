/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/detour/place.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/echshim/detour/code.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#if defined(__x86_64__)

enum { WORD = 8, PAGE = 4096, JUMP = 5 };

static bool refuse(const char **why, const char *text)
{
    *why = text;
    return false;
}

/* ---- memory ---- */

/* PTRACE_POKEDATA writes where the program itself may only read. */
static bool write_word(pid_t process, uint64_t address, uint64_t word)
{
    return ptrace(PTRACE_POKEDATA, process, address, word) == 0;
}

static bool read_word(pid_t process, uint64_t address, uint64_t *word)
{
    errno = 0;
    *word = (uint64_t)ptrace(PTRACE_PEEKDATA, process, address, NULL);
    return errno == 0;
}

static bool write_memory(pid_t process, uint64_t address, const uint8_t *octets, size_t length)
{
    for (size_t at = 0; at < length; at += WORD) {
        uint64_t word = 0;
        size_t count = length - at < WORD ? length - at : WORD;
        if (count < WORD && !read_word(process, address + at, &word)) {
            return false;
        }
        memcpy(&word, octets + at, count);
        if (!write_word(process, address + at, word)) {
            return false;
        }
    }
    return true;
}

static bool has_code(pid_t process, uint64_t address, const struct go_prologue *prologue)
{
    uint8_t octets[sizeof prologue->code];
    for (size_t at = 0; at < sizeof octets; at += WORD) {
        uint64_t word;
        if (!read_word(process, address + at, &word)) {
            return false;
        }
        memcpy(octets + at, &word, WORD);
    }
    return memcmp(octets, prologue->code, prologue->length) == 0;
}

/* ---- a system call in the program ---- */

/*
 * Executes one instruction. SIGSTOP cannot be blocked, and SIGCONT is told to us in any case: both
 * come before the instruction. The program gets its SIGSTOP when it is no longer traced.
 */
static bool step(pid_t process)
{
    enum { OTHERS_MAX = 64 };
    bool stopped = false;
    int status = 0;
    for (int i = 0; i < OTHERS_MAX; i++) {
        if (ptrace(PTRACE_SINGLESTEP, process, NULL, NULL) != 0 ||
            waitpid(process, &status, __WALL) != process || !WIFSTOPPED(status)) {
            return false;
        }
        if (status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP) {
            break;
        }
        stopped = stopped || (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP);
    }
    if (stopped) {
        (void)kill(process, SIGSTOP);
    }
    return status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP;
}

static const uint8_t instruction[] = {0x0f, 0x05}; /* syscall */

bool go_place_is_behind_call(pid_t process, uint64_t address)
{
    uint64_t word;
    return read_word(process, address - sizeof instruction, &word) &&
           memcmp(&word, instruction, sizeof instruction) == 0;
}

/* The program is stopped where it would go on in its own code. Its code is changed for the moment,
 * if it does not come out of a system call. */
static bool call(pid_t process, long number, const uint64_t arguments[6], uint64_t *result)
{
    struct user_regs_struct kept;
    struct user_regs_struct used;
    uint64_t code;
    if (ptrace(PTRACE_GETREGS, process, NULL, &kept) != 0 || !read_word(process, kept.rip, &code)) {
        return false;
    }
    bool there = go_place_is_behind_call(process, kept.rip);
    used = kept;
    used.rip -= there ? sizeof instruction : 0;
    uint64_t behind = used.rip + sizeof instruction;
    used.rax = (uint64_t)number;
    used.orig_rax = UINT64_MAX; /* the kernel must not restart an earlier call */
    used.rdi = arguments[0];
    used.rsi = arguments[1];
    used.rdx = arguments[2];
    used.r10 = arguments[3];
    used.r8 = arguments[4];
    used.r9 = arguments[5];
    bool done = (there || write_memory(process, kept.rip, instruction, sizeof instruction)) &&
                ptrace(PTRACE_SETREGS, process, NULL, &used) == 0 && step(process) &&
                ptrace(PTRACE_GETREGS, process, NULL, &used) == 0 && used.rip == behind;
    *result = used.rax;
    return (there || write_word(process, kept.rip, code)) &&
           ptrace(PTRACE_SETREGS, process, NULL, &kept) == 0 && done;
}

/* ---- the page ---- */

static bool is_near(uint64_t page, uint64_t function)
{
    int64_t distance = (int64_t)(page - function);
    return distance > INT32_MIN + PAGE && distance < INT32_MAX - PAGE;
}

/* Takes a page that a jump from the functions reaches: below the program, where nothing grows. */
static uint64_t take_page(pid_t process, const struct go_plan *plan, uint64_t base)
{
    enum { TRIES = 1500, STEP = 1 << 20, LOWEST = 1 << 16, SMALL_STEP = 1 << 12 };
    uint64_t function = base + plan->function.client_handshake;
    uint64_t step = plan->moves ? STEP : SMALL_STEP;
    uint64_t page = plan->moves ? (base & ~(uint64_t)(PAGE - 1)) - STEP : 0x3f0000;
    for (unsigned i = 0; i < TRIES && page >= LOWEST && is_near(page, function); i++) {
        const uint64_t arguments[] = {page,
                                      PAGE,
                                      PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                                      UINT64_MAX,
                                      0};
        uint64_t got;
        if (!call(process, SYS_mmap, arguments, &got)) {
            return 0;
        }
        if (got == page) {
            return page;
        }
        if ((int64_t)got > 0) { /* a kernel before 4.17 takes the address as a hint */
            (void)call(process, SYS_munmap, (const uint64_t[6]){got, PAGE}, &got);
        }
        page -= step;
    }
    return 0;
}

static bool protect(pid_t process, uint64_t page)
{
    uint64_t got;
    return call(process, SYS_mprotect, (const uint64_t[6]){page, PAGE, PROT_READ | PROT_EXEC},
                &got) &&
           got == 0;
}

static bool lead(pid_t process, uint64_t function, uint64_t detour)
{
    int32_t distance = (int32_t)(detour - (function + JUMP));
    uint8_t jump[JUMP] = {0xe9};
    memcpy(jump + 1, &distance, sizeof distance);
    return write_memory(process, function, jump, sizeof jump);
}

/* ---- the program ---- */

/* The kernel tells where it begins (AT_ENTRY). */
bool go_place_base(pid_t process, const struct go_plan *plan, uint64_t *base)
{
    char path[64];
    Elf64_auxv_t entries[64];
    (void)snprintf(path, sizeof path, "/proc/%d/auxv", (int)process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, entries, sizeof entries) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    for (size_t i = 0; length > 0 && i < (size_t)length / sizeof *entries; i++) {
        if (entries[i].a_type == AT_ENTRY) {
            *base = entries[i].a_un.a_val - plan->start;
            return true;
        }
    }
    return false;
}

static bool place(pid_t process, const struct go_plan *plan, const struct shim_pass *pass,
                  const char **why)
{
    static struct go_detour detour;
    uint64_t base;
    if (!go_place_base(process, plan, &base)) {
        return refuse(why, "the kernel does not tell where the program lies");
    }
    uint64_t handshake = base + plan->function.client_handshake;
    uint64_t finished = base + plan->function.client_finished;
    if (!has_code(process, handshake, &plan->handshake_prologue) ||
        !has_code(process, finished, &plan->finished_prologue)) {
        return refuse(why, "the program in memory is not the file that was read");
    }
    uint64_t page = take_page(process, plan, base);
    if (page == 0) {
        return refuse(why, "there is no room near its code");
    }
    if (!go_detour_make(&detour, plan, base, pass) || !is_near(page, finished) ||
        !write_memory(process, page, detour.code, sizeof detour.code) || !protect(process, page)) {
        return refuse(why, "its memory cannot be written");
    }
    /* A second write does not fail where the first succeeded: both go to the same code. */
    if (!lead(process, handshake, page + detour.handshake) ||
        !lead(process, finished, page + detour.finished)) {
        return refuse(why, "its code cannot be written");
    }
    return true;
}

bool go_place_undisturbed(pid_t process, const struct go_plan *plan, const struct shim_pass *pass,
                          const char **why)
{
    uint64_t kept = 0;
    const uint64_t all = UINT64_MAX;
    if (ptrace(PTRACE_GETSIGMASK, process, sizeof kept, &kept) != 0 ||
        ptrace(PTRACE_SETSIGMASK, process, sizeof all, &all) != 0) {
        return refuse(why, "its signals cannot be held back");
    }
    bool placed = place(process, plan, pass, why);
    (void)ptrace(PTRACE_SETSIGMASK, process, sizeof kept, &kept);
    return placed;
}

#else

bool go_place_undisturbed(pid_t process, const struct go_plan *plan, const struct shim_pass *pass,
                          const char **why)
{
    (void)process;
    (void)plan;
    (void)pass;
    *why = "there is no detour for this processor";
    return false;
}

#endif
