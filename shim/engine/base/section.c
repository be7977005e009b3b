/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/section.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shim/common/frame.h"
#include "shim/common/hold.h"
#include "shim/engine/base/stack_switch.h"

enum {
    STACK_SIZE = 512 * 1024, /* a section uses 20 to 60 KiB of it; sanitizers take more */
    SPARE_MAX = 8,           /* unused stacks that are kept for later work */
    LEFT_MAX = 8,            /* waiting sections that a thread may have at most */
    POLL_MAX = 32,
};

/* What a section asks the program's side to do. */
struct request {
    struct pollfd *fds; /* NULL: `call` */
    nfds_t count;
    int milliseconds;
    void (*call)(void *context);
    void *context;
    int result;
    int failure;
};

/* A stack, with this struct at its upper end. Stacks are used again and again. A stack's memory is
 * not given back while its thread may return to a wait in it. */
struct section {
    struct section *next; /* in the list of unused ones, or of the thread's waiting ones */
    struct shim_work *work;
    struct request *request;
    struct shim_frame frame; /* of the wait, on the program's stack */
    uint64_t turn;           /* counts the works that this stack has done */
    bool done;
    bool left; /* no caller waits for the work any more */
    struct shim_stack_place inside;
    struct shim_stack_place program;
};

/* The sections of a thread. */
static __thread struct {
    struct section *current; /* the section that runs now; NULL: the program's own stack does */
    struct section *outside; /* the sections that wait, newest first */
    size_t count;
    bool known; /* the C library will call settle_all at the thread's end */
} own __attribute__((tls_model("initial-exec")));

static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static struct section *spare;
static size_t spare_count;

/* ---- stacks for sections ---- */

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The first function of a stack. It never ends. */
static void work_for_ever(void *context)
{
    struct section *section = context;
    for (;;) {
        section->work->run(section->work);
        section->done = true;
        shim_stack_switch(&section->inside, &section->program);
    }
}

/* `distance` octets on both sides of a stack, and a page below it, are unusable. The page catches
 * an overflow. */
static struct section *section_new(void)
{
    size_t distance = shim_stack_distance();
    char *memory = mmap(NULL, distance + STACK_SIZE + distance, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    char *usable = memory + distance + page_size();
    size_t room = (STACK_SIZE - page_size() - sizeof(struct section)) & ~(size_t)63;
    struct section *section = (struct section *)(void *)(usable + room);
    if (mprotect(usable, STACK_SIZE - page_size(), PROT_READ | PROT_WRITE) == 0) {
        memset(section, 0, sizeof *section);
        if (shim_stack_make(&section->inside, usable, room, work_for_ever, section)) {
            return section;
        }
    }
    (void)munmap(memory, distance + STACK_SIZE + distance);
    return NULL;
}

static void section_free(struct section *section)
{
    size_t distance = shim_stack_distance();
    uintptr_t end = ((uintptr_t)section + sizeof *section + page_size() - 1) / page_size();
    char *memory = (char *)(end * page_size() - STACK_SIZE - distance);
    (void)munmap(memory, distance + STACK_SIZE + distance);
}

static struct section *section_take(void)
{
    pthread_mutex_lock(&spare_lock);
    struct section *section = spare;
    if (section != NULL) {
        spare = section->next;
        spare_count--;
    }
    pthread_mutex_unlock(&spare_lock);
    return section != NULL ? section : section_new();
}

static void section_give_back(struct section *section)
{
    pthread_mutex_lock(&spare_lock);
    bool keep = spare_count < SPARE_MAX;
    if (keep) {
        section->next = spare;
        spare = section;
        spare_count++;
    }
    pthread_mutex_unlock(&spare_lock);
    if (!keep) {
        section_free(section);
    }
}

/* ---- what runs on the program's stack ---- */

/* Runs the section until it asks for something, or has done its work. */
static void go_inside(struct section *section)
{
    struct section *before = own.current;
    own.current = section;
    section->request = NULL;
    shim_stack_switch(&section->program, &section->inside);
    own.current = before;
}

/* `mask` NULL: nothing is held back. */
static void call_with_mask(void (*call)(void *), void *context, const sigset_t *mask)
{
    sigset_t held;
    if (mask == NULL) {
        call(context);
        return;
    }
    (void)pthread_sigmask(SIG_SETMASK, mask, &held);
    call(context);
    (void)pthread_sigmask(SIG_SETMASK, &held, NULL);
}

static void list_remove(struct section *section)
{
    struct section **at = &own.outside;
    while (*at != NULL && *at != section) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = section->next;
        own.count--;
    }
}

/* Takes a section that was left to its end. */
static void settle(struct section *section)
{
    list_remove(section);
    section->turn++;
    section->left = true;
    if (section->request != NULL) {
        section->request->result = -1;
        section->request->failure = ECANCELED;
    }
    while (!section->done) {
        go_inside(section);
    }
    section->work->drop(section->work);
    section_give_back(section);
}

/* A wait in which the thread may be cancelled. */
struct wait {
    struct section *section;
    uint64_t turn;
    const sigset_t *mask; /* the program's; NULL: nothing is held back */
};

/*
 * The thread is cancelled: takes the waiting work to its end at once. The thread's end may be too
 * late, for other libraries may have freed what they keep for each thread by then (GnuTLS 3.8 its
 * random numbers). Signals are still blocked, if they were when the wait began.
 */
static void leave_wait(void *context)
{
    const struct wait *wait = context;
    struct shim_hold hold;
    if (wait->section->turn == wait->turn) {
        shim_hold_begin(&hold);
        settle(wait->section);
        shim_hold_end(&hold);
    }
    if (wait->mask != NULL) {
        (void)pthread_sigmask(SIG_SETMASK, wait->mask, NULL);
    }
}

static int wait_with_mask(struct section *section, struct pollfd *fds, nfds_t count,
                          int milliseconds, const sigset_t *mask)
{
    struct timespec timeout = {.tv_sec = milliseconds / 1000,
                               .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    struct wait wait = {.section = section, .turn = section->turn, .mask = mask};
    int result;
    pthread_cleanup_push(leave_wait, &wait);
    result = ppoll(fds, count, milliseconds >= 0 ? &timeout : NULL, mask);
    pthread_cleanup_pop(0);
    return result;
}

/*
 * Does what a section asks for. The program may leave this call for good. False: meanwhile the
 * section's work was ended and the section may belong to other work by now, so check that before
 * touching it.
 */
static bool serve(struct section *section)
{
    struct request *request = section->request;
    struct request wanted = *request;
    struct pollfd fds[POLL_MAX];
    uint64_t turn = section->turn;
    if (wanted.fds != NULL) {
        memcpy(fds, wanted.fds, wanted.count * sizeof *fds);
    }
    section->next = own.outside;
    own.outside = section;
    own.count++;
    struct shim_hold *paused = shim_hold_pause();
    sigset_t of_program = paused->mask;
    const sigset_t *mask = paused->blocked ? &of_program : NULL;
    if (wanted.fds != NULL) {
        wanted.result = wait_with_mask(section, fds, wanted.count, wanted.milliseconds, mask);
        wanted.failure = errno;
    } else {
        call_with_mask(wanted.call, wanted.context, mask);
        wanted.result = 0;
    }
    shim_hold_resume(paused);
    if (section->turn != turn) {
        return false;
    }
    list_remove(section);
    if (wanted.fds != NULL) {
        memcpy(wanted.fds, fds, wanted.count * sizeof *fds);
    }
    request->result = wanted.result;
    request->failure = wanted.failure;
    return true;
}

/*
 * Ends the sections of this thread that have no caller any more, as seen from a frame of the
 * program that calls us anew. A section above that frame may still have one: a signal handler has
 * interrupted the program. But a thread never keeps more than a few of those.
 */
static void settle_left(uintptr_t frame)
{
    struct section *next;
    for (struct section *section = own.outside; section != NULL; section = next) {
        next = section->next;
        if (shim_frame_is_over(section->frame, frame)) {
            settle(section);
        }
    }
    while (own.outside != NULL && own.count > LEFT_MAX) {
        struct section *oldest = own.outside;
        while (oldest->next != NULL) {
            oldest = oldest->next;
        }
        settle(oldest);
    }
}

void shim_section_settle(const struct shim_work *work)
{
    struct shim_hold hold;
    struct section *section = own.current == NULL ? own.outside : NULL;
    while (section != NULL && section->work != work) {
        section = section->next;
    }
    if (section != NULL) {
        shim_hold_begin(&hold);
        settle(section);
        shim_hold_end(&hold);
    }
}

static void settle_all(void *value)
{
    (void)value;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    while (own.outside != NULL) {
        settle(own.outside);
    }
    own.known = false;
    shim_hold_end(&hold);
}

/* Of the C library (since 2.18), for destructors of C++; and of each library's start files. */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *value), void *value, void *library);
extern void *__dso_handle;

/*
 * Not by a pthread key, for two reasons. The destructors of keys run too late: GnuTLS 3.8 cannot
 * give random octets any more, once the destructor of its own key has run. And each namespace of
 * dlmopen has a C library with keys of its own, but all of them share the values of a thread, so
 * that a library in another namespace would take our value for its own.
 *
 * If there is no memory, the C library ends the process. So we see first whether there is some.
 */
static bool be_told_of_the_end(void)
{
    enum { MORE_THAN_IT_NEEDS = 128 };
    if (!own.known) {
        void *memory = malloc(MORE_THAN_IT_NEEDS);
        free(memory);
        own.known = memory != NULL &&
                    __cxa_thread_atexit_impl(settle_all, &own, (void *)&__dso_handle) == 0;
    }
    return own.known;
}

static bool drive(struct section *section, struct shim_work *work, uintptr_t frame)
{
    section->work = work;
    section->done = false;
    section->left = false;
    section->frame = (struct shim_frame){.at = frame};
    for (go_inside(section); !section->done; go_inside(section)) {
        if (!serve(section)) {
            return false;
        }
    }
    section->turn++;
    section_give_back(section);
    return true;
}

bool shim_section_run(struct shim_work *work)
{
    if (own.current != NULL || shim_hold_locked()) {
        work->run(work); /* locked in (seccomp): no stack may be mapped */
        return true;
    }
    struct shim_hold hold;
    shim_hold_begin(&hold);
    uintptr_t frame = SHIM_FRAME_HERE;
    settle_left(frame);
    struct section *section = be_told_of_the_end() ? section_take() : NULL;
    bool done = section != NULL && drive(section, work, frame);
    if (section == NULL) {
        work->drop(work);
    }
    shim_hold_end(&hold);
    return done;
}

/* ---- what runs on a section's own stack ---- */

static void ask(struct section *section, struct request *request)
{
    section->request = request;
    shim_stack_switch(&section->inside, &section->program);
    section->request = NULL;
}

int shim_section_poll(struct pollfd *wait, nfds_t count, int milliseconds)
{
    struct section *section = own.current;
    if (section == NULL || milliseconds == 0) {
        return poll(wait, count, milliseconds);
    }
    struct request request = {
        .fds = wait, .count = count, .milliseconds = milliseconds, .result = -1};
    if (section->left) {
        errno = ECANCELED;
        return -1;
    }
    if (count > POLL_MAX) {
        errno = EINVAL;
        return -1;
    }
    ask(section, &request);
    errno = request.result < 0 ? request.failure : errno;
    return request.result;
}

bool shim_section_outside(void (*call)(void *context), void *context)
{
    struct section *section = own.current;
    if (section == NULL) {
        call(context);
        return true;
    }
    struct request request = {.call = call, .context = context, .result = -1};
    if (!section->left) {
        ask(section, &request);
    }
    return request.result == 0;
}

bool shim_section_is_left(void)
{
    return own.current != NULL && own.current->left;
}

/* ---- forks ---- */

void shim_section_before_fork(void)
{
    pthread_mutex_lock(&spare_lock);
}

void shim_section_after_fork(void)
{
    pthread_mutex_unlock(&spare_lock);
}
