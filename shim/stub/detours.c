/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts the detours into the program, before it runs. First everything is planned. Then the changed
 * pages are made beside the program's own, with their final protection, and only then moved over
 * them. So a system that forbids any of it (SELinux, memory-deny-write-execute, a seccomp filter)
 * does so while the program is still whole. If some pages were moved and another one cannot be, the
 * first ones get their old contents back. No page is ever writable and executable at once.
 */
#include "shim/stub/detours.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/tls_libraries.h"
#include "shim/stub/detour_plan.h"
#include "shim/stub/stub.h"
#include "shim/stub/symbol.h"
#include "shim/stub/text.h"

#if defined(__x86_64__)
enum { IS_KNOWN_PROCESSOR = true };
#else
enum { IS_KNOWN_PROCESSOR = false };
#endif

/* For each detour: the way to the hook, then the trampoline. */
enum { ENTRY_SIZE = 64, SLOT_SIZE = ENTRY_SIZE + STUB_TRAMPOLINE_SIZE };

struct work {
    struct stub_image image;
    struct stub_detours detours;
    struct stub_detour_plan plans[STUB_DETOURS_MAX];
    uint8_t *slots; /* STUB_DETOURS_MAX of them */
    size_t page;
    uintptr_t pages[STUB_DETOURS_MAX * 2]; /* of the program, that change; in order */
    size_t page_count;
    size_t changed;       /* pages of the program that are changed now */
    const char *function; /* that refused to be detoured */
    const char *why;
};

static bool refuse(struct work *work, const char *function, const char *why)
{
    work->function = function;
    work->why = why;
    return false;
}

/* ---- the program ---- */

/* context: the image. The first object is the program. */
static int note_segments(struct dl_phdr_info *info, size_t size, void *context)
{
    struct stub_image *image = context;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum && image->count < STUB_SEGMENTS_MAX; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_R) == 0) {
            continue;
        }
        uintptr_t address = info->dlpi_addr + header->p_vaddr;
        image->segments[image->count++] = (struct stub_segment){
            .address = address,
            .length = header->p_memsz,
            .octets = (const uint8_t *)address,
            .is_code = (header->p_flags & (PF_X | PF_W)) == PF_X,
        };
    }
    return 1;
}

/* Only a function counts: of an IFUNC the program calls another one than the symbol says. */
static const ElfW(Sym) * find_function(const struct work *work, const char *name)
{
    const ElfW(Sym) *symbol = stub_symbol_find(work->detours.program, &work->image, name);
    return symbol != NULL && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC ? symbol : NULL;
}

/* Does the program export OpenSSL? BoringSSL has the same names, and nothing for our hooks. */
static bool exports_openssl(const struct work *work)
{
    for (size_t i = 0; i < SHIM_TLS_FUNCTIONS; i++) {
        if (stub_symbol_find(work->detours.program, &work->image,
                             shim_tls_libraries[SHIM_FAMILY_OPENSSL].functions[i]) == NULL) {
            return false;
        }
    }
    return stub_symbol_find(work->detours.program, &work->image, "SSL_CTX_set_grease_enabled") ==
           NULL;
}

static void note_range(struct work *work)
{
    struct stub_detours *detours = &work->detours;
    detours->start = UINTPTR_MAX;
    for (size_t i = 0; i < work->image.count; i++) {
        const struct stub_segment *segment = &work->image.segments[i];
        uintptr_t end = segment->address + segment->length;
        detours->start = segment->address < detours->start ? segment->address : detours->start;
        detours->end = end > detours->end ? end : detours->end;
    }
}

static bool find_program(struct work *work)
{
    const struct link_map *program = stub_first_object(stub_object());
    if (program == NULL || program == stub_object() || program->l_name[0] != '\0') {
        return false; /* we are in a namespace of dlmopen */
    }
    work->detours.program = program;
    if (dl_iterate_phdr(note_segments, &work->image) != 1 || !exports_openssl(work)) {
        return false;
    }
    note_range(work);
    return true;
}

/* glibc since 2.32; not in the headers before. */
extern char __libc_single_threaded __attribute__((weak));

/* Another preload may have started a thread. */
static bool is_alone(void)
{
    enum { LINKS_OF_FOLDER = 2 };
    struct stat tasks;
    if (&__libc_single_threaded != NULL) {
        return __libc_single_threaded != 0;
    }
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == LINKS_OF_FOLDER + 1;
}

/* ---- the slots ---- */

static bool is_near(const struct work *work, uintptr_t address)
{
    static const uintptr_t reach = 0x7f000000;
    for (size_t i = 0; i < work->image.count; i++) {
        const struct stub_segment *segment = &work->image.segments[i];
        uintptr_t end = segment->address + segment->length;
        if ((address > segment->address ? address - segment->address : end - address) > reach) {
            return false;
        }
    }
    return true;
}

static uint8_t *map_at(uintptr_t address, size_t length)
{
    void *got = mmap((void *)address, length, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == (void *)address) {
        return got;
    }
    if (got != MAP_FAILED) {
        (void)munmap(got, length); /* before Linux 4.17 the address is a mere wish */
    }
    return NULL;
}

static size_t slots_length(const struct work *work)
{
    size_t length = (size_t)STUB_DETOURS_MAX * SLOT_SIZE;
    return (length + work->page - 1) & ~(work->page - 1);
}

/*
 * Finds memory that a jump can reach: below the program, or else as far above it as possible,
 * because the program's heap begins behind it and grows.
 */
static bool map_slots(struct work *work)
{
    const uintptr_t step_size = (uintptr_t)16 << 20;
    const uintptr_t steps = 2032 / 16;
    uintptr_t low = work->detours.start & ~(work->page - 1);
    uintptr_t high = work->detours.end & ~(work->page - 1);
    for (uintptr_t step = 1; step < 2 * steps && work->slots == NULL; step++) {
        bool below = step < steps;
        uintptr_t address = below ? low - step * step_size : high + (2 * steps - step) * step_size;
        if ((address < low) == below && is_near(work, address)) {
            work->slots = map_at(address, slots_length(work));
        }
    }
    return work->slots != NULL || refuse(work, NULL, "no memory near the program");
}

/* push the hook's address, and go on to stub_detour_enter. */
static void write_entry(uint8_t *slot, const void *hook)
{
    static const uint8_t push[] = {0x68};
    static const uint8_t upper_half[] = {0xc7, 0x44, 0x24, 0x04}; /* movl ..., 4(%rsp) */
    static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};       /* to the address behind it */
    uintptr_t address = (uintptr_t)hook;
    uint32_t low = (uint32_t)address;
    uint32_t high = (uint32_t)((uint64_t)address >> 32);
    uintptr_t enter = (uintptr_t)stub_detour_enter;
    const struct {
        const void *octets;
        size_t length;
    } parts[] = {{push, sizeof push},  {&low, sizeof low},  {upper_half, sizeof upper_half},
                 {&high, sizeof high}, {jump, sizeof jump}, {&enter, sizeof enter}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(slot, parts[i].octets, parts[i].length);
        slot += parts[i].length;
    }
}

/* ---- the plans ---- */

/* Two names of one function share its detour. */
static const struct stub_detour *find_detour(const struct work *work, const void *function)
{
    for (size_t i = 0; i < work->detours.count; i++) {
        if (work->detours.detours[i].function == function) {
            return &work->detours.detours[i];
        }
    }
    return NULL;
}

static bool plan_function(struct work *work, enum shim_hook hook)
{
    const char *name = stub_hook_name(hook);
    const ElfW(Sym) *symbol = find_function(work, name);
    if (symbol == NULL) {
        return stub_symbol_find(work->detours.program, &work->image, name) == NULL ||
               refuse(work, name, "is no function");
    }
    size_t at = work->detours.count;
    uint8_t *slot = work->slots + at * SLOT_SIZE;
    uintptr_t address = work->detours.program->l_addr + symbol->st_value;
    struct stub_detour *detour = &work->detours.detours[at];
    *detour = (struct stub_detour){
        .hook = hook, .function = (void *)address, .trampoline = slot + ENTRY_SIZE};
    const struct stub_detour *same = find_detour(work, detour->function);
    if (same != NULL) {
        detour->trampoline = same->trampoline;
        work->detours.count++;
        return true;
    }
    struct stub_detour_plan *plan = &work->plans[at];
    const char *refused = stub_detour_plan(&work->image, address, symbol->st_size,
                                           (uintptr_t)slot + ENTRY_SIZE, plan);
    if (refused != NULL) {
        return refuse(work, name, refused);
    }
    write_entry(slot, stub_hook_address(hook));
    memcpy(slot + ENTRY_SIZE, plan->trampoline, plan->trampoline_length);
    work->detours.count++;
    return true;
}

static bool plan_all(struct work *work)
{
#define HOOK(name, family) +(SHIM_FAMILY_##family == SHIM_FAMILY_OPENSSL)
    enum {
        ALL = 0
#include "shim/common/hooks.def"
    };
#undef HOOK
    _Static_assert((int)ALL <= (int)STUB_DETOURS_MAX, "there is a place for each of the hooks");
    for (int hook = 0; hook < SHIM_HOOK_COUNT; hook++) {
        if (stub_hook_family((enum shim_hook)hook) != SHIM_FAMILY_OPENSSL) {
            continue;
        }
        if (!plan_function(work, (enum shim_hook)hook)) {
            return false;
        }
    }
    return true;
}

/* ---- the pages ---- */

static void note_page(struct work *work, uintptr_t page)
{
    size_t at = work->page_count;
    while (at > 0 && work->pages[at - 1] > page) {
        at--;
    }
    if (at > 0 && work->pages[at - 1] == page) {
        return;
    }
    memmove(&work->pages[at + 1], &work->pages[at], (work->page_count - at) * sizeof *work->pages);
    work->pages[at] = page;
    work->page_count++;
}

static bool is_planned(const struct work *work, size_t at)
{
    return work->plans[at].trampoline_length > 0; /* else it is another name of a function */
}

static void note_pages(struct work *work)
{
    for (size_t i = 0; i < work->detours.count; i++) {
        if (is_planned(work, i)) {
            note_page(work, work->plans[i].jump & ~(work->page - 1));
            note_page(work, (work->plans[i].jump + STUB_JUMP_SIZE - 1) & ~(work->page - 1));
        }
    }
}

/* Writes octets of the program into the copies of its pages. */
static void write_copy(const struct work *work, uint8_t *copies, uintptr_t address,
                       const uint8_t *octets, size_t length)
{
    for (size_t page = 0; page < work->page_count; page++) {
        for (size_t i = 0; i < length; i++) {
            uintptr_t offset = address + i - work->pages[page];
            if (offset < work->page) {
                copies[page * work->page + offset] = octets[i];
            }
        }
    }
}

static bool write_jumps(struct work *work, uint8_t *copies)
{
    for (size_t i = 0; i < work->detours.count; i++) {
        uint8_t jump[STUB_JUMP_SIZE];
        uintptr_t address = work->plans[i].jump;
        if (!is_planned(work, i)) {
            continue;
        }
        if (!stub_detour_jump(jump, address, (uintptr_t)work->slots + i * SLOT_SIZE)) {
            return refuse(work, stub_hook_name(work->detours.detours[i].hook),
                          "is too far from free memory");
        }
        write_copy(work, copies, address, jump, sizeof jump);
    }
    return true;
}

/* Moves the pages at `source` over the program's pages, neighbours together, up to page number
 * `end`. Returns how many were moved: all of them, or those before the first that cannot be moved.
 */
static size_t move_pages(const struct work *work, uint8_t *source, size_t end)
{
    for (size_t first = 0, next; first < end; first = next) {
        for (next = first + 1;
             next < end && work->pages[next] == work->pages[next - 1] + work->page; next++) {
        }
        size_t length = (next - first) * work->page;
        if (mremap(source + first * work->page, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
                   (void *)work->pages[first]) == MAP_FAILED) {
            return first;
        }
    }
    return end;
}

/*
 * `copies`: the changed pages, and behind them the program's own. All or none: if a page cannot be
 * changed, those before it are changed back, by calls that have just succeeded with the same
 * arguments. Should even that fail, then the detours that are left are whole, and the trampolines
 * of the others do what their functions do.
 */
static bool move_copies(struct work *work, uint8_t *copies)
{
    size_t moved = move_pages(work, copies, work->page_count);
    if (moved == work->page_count) {
        work->changed = moved;
        return true;
    }
    size_t restored = move_pages(work, copies + work->page_count * work->page, moved);
    work->changed = moved - restored;
    return refuse(work, NULL, "the system forbids to change code");
}

static bool change_pages(struct work *work)
{
    size_t length = work->page_count * work->page;
    uint8_t *copies =
        mmap(NULL, 2 * length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copies == MAP_FAILED) {
        return refuse(work, NULL, "no memory");
    }
    for (size_t i = 0; i < 2 * work->page_count; i++) {
        memcpy(copies + i * work->page, (const void *)work->pages[i % work->page_count],
               work->page);
    }
    bool written = write_jumps(work, copies);
    if (written && (mprotect(copies, 2 * length, PROT_READ | PROT_EXEC) != 0 ||
                    mprotect(work->slots, slots_length(work), PROT_READ | PROT_EXEC) != 0)) {
        written = refuse(work, NULL, "the system forbids new code");
    }
    bool moved = written && move_copies(work, copies);
    /* What was moved is no longer there: unmapping takes away the rest. */
    (void)munmap(copies, 2 * length);
    return moved;
}

static bool install(struct work *work)
{
    if (!IS_KNOWN_PROCESSOR) {
        return refuse(work, NULL, "there are none for this processor");
    }
    if (!is_alone()) {
        return refuse(work, NULL, "another thread is running");
    }
    if (!map_slots(work) || !plan_all(work)) {
        return false;
    }
    note_pages(work);
    return change_pages(work);
}

static bool is_wanted(void)
{
    const char *value = stub_setting(SHIM_CONF_DETOURS);
    return !stub_off() && (value == NULL || !stub_text_equal(value, "off"));
}

__attribute__((constructor)) static void install_early(void)
{
    int saved = errno;
    struct work work = {.page = (size_t)sysconf(_SC_PAGESIZE)};
    if (find_program(&work) && is_wanted()) {
        if (!install(&work)) {
            stub_detours_refuse(work.function, work.why);
        }
        if (work.changed > 0) {
            stub_detours_set(&work.detours);
        } else if (work.slots != NULL) {
            (void)munmap(work.slots, slots_length(&work));
        }
    }
    errno = saved;
}
