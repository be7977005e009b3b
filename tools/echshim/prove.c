/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Proves that the shim is in the program. Before the exec: we ask the dynamic loader what it would
 * load. After it: the stub itself reports to a watcher, over a socket that the program never sees.
 *
 * This process becomes the program, so the watcher must be another one: a grandchild without a
 * parent, in a process group of its own. It ends when the proof has come, some milliseconds after
 * the exec.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dns/io.h"
#include "tools/common/background.h"
#include "tools/echshim/echshim.h"

enum {
    NONCE = 16,            /* octets */
    FIRST_DESCRIPTOR = 64, /* a high number, which scripts and programs do not use */
    LOOK_MAX_MS = 1000,
    PROOF_MS = 10000, /* the loader maps the stub within milliseconds */
    CLOSING_MS = 20,
};

/* ---- before the start: a trial run of the loader ---- */

/* The loader's message about the library, if there is one: one line, without the loader's name. */
static void loader_words(const char *list, char *why, size_t size)
{
    const char *line = strstr(list, "ld.so: ");
    line = line != NULL ? line + strlen("ld.so: ") : list;
    size_t length = strcspn(line, "\n");
    if (length > 0) {
        (void)snprintf(why, size, "the dynamic loader says: %.*s", (int)length, line);
    } else {
        (void)snprintf(why, size, "the dynamic loader does not say what it would load");
    }
}

bool prove_rehearse(const struct program *program, char *why, size_t size)
{
    /* The kernel executes the last file of the chain. What env finds comes later: the stub in env
     * checks that. */
    const struct program_file *file = &program->chain[0];
    for (size_t i = 0; file->image.kind != SHIM_EXECUTABLE_DYNAMIC && i + 1 < program->count; i++) {
        file = &program->chain[i + 1];
    }
    if (file->image.kind == SHIM_EXECUTABLE_LOADER) {
        return true; /* it lists or explains something, and runs nothing */
    }
    char real[PATH_MAX];
    char *list;
    if (program->loader_options != NULL) {
        list = loader_list(program->path, program->loader_options, file->path);
    } else {
        /* $ORIGIN is the folder of the file itself, not of a link to it. */
        const char *path = realpath(file->path, real) != NULL ? real : file->path;
        list = loader_list(file->image.interpreter, NULL, path);
    }
    if (list == NULL) {
        (void)snprintf(why, size, "the dynamic loader cannot be asked: %s", strerror(errno));
        return false;
    }
    bool listed = strstr(list, "/" LIBRARY_NAME " (0x") != NULL;
    if (!listed) {
        loader_words(list, why, size);
    }
    free(list);
    return listed;
}

/* ---- after the start: a process that waits for the proof ---- */

struct watch {
    const char *name;
    const char *follow;
    bool strict;
    pid_t pid;
    int process; /* pidfd */
    int proof;
    int executed; /* closed by the exec */
    char nonce[2 * NONCE + 1];
};

static int launched = -1; /* the other end of `executed` */

static void stop_program(const struct watch *watch)
{
    (void)syscall(SYS_pidfd_send_signal, watch->process, SIGKILL, NULL, 0);
}

/* Writes the sentence before the program is killed, unless standard error would make us wait. */
static void verdict(const struct watch *watch, const char *why)
{
    struct pollfd error = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (!watch->strict) {
        say(ECHSHIM, "%s runs without the shim: %s", watch->name, why);
        _exit(0);
    }
    if (poll(&error, 1, 0) != 1) {
        stop_program(watch);
    }
    say(ECHSHIM, "%s is killed, because the shim is not in it: %s", watch->name, why);
    stop_program(watch);
    _exit(0);
}

/* Reads a small file of /proc into `out`; false on failure. */
static bool read_proc(pid_t pid, const char *file, char **out, size_t *length)
{
    char path[64];
    enum { CHUNK = 65536, MOST = 64 * CHUNK };
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = malloc(MOST + 1);
    *length = 0;
    if (fd < 0 || text == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        free(text);
        return false;
    }
    ssize_t count;
    while (*length < MOST && (count = read(fd, text + *length, MOST - *length)) > 0) {
        *length += (size_t)count;
    }
    (void)close(fd);
    text[*length] = '\0';
    *out = text;
    return *length > 0;
}

/* AT_SECURE: the kernel tells the loader to ignore LD_PRELOAD, perhaps because of a security
 * module. */
static bool is_secure(pid_t pid)
{
    char *text = NULL;
    size_t length;
    bool secure = false;
    if (read_proc(pid, "auxv", &text, &length)) {
        for (size_t at = 0; at + 2 * sizeof(unsigned long) <= length;
             at += 2 * sizeof(unsigned long)) {
            unsigned long pair[2];
            memcpy(pair, text + at, sizeof pair);
            secure = secure || (pair[0] == AT_SECURE && pair[1] != 0);
        }
    }
    free(text);
    return secure;
}

/* The loader maps the libraries of LD_PRELOAD before all others. */
static bool is_mapped_without(pid_t pid)
{
    char *text = NULL;
    size_t length;
    bool without = read_proc(pid, "maps", &text, &length) && strstr(text, "/libc.so") != NULL &&
                   strstr(text, "/" LIBRARY_NAME) == NULL;
    free(text);
    return without;
}

/* True: it is proved. */
static bool receive(const struct watch *watch)
{
    char message[128];
    char expected[128];
    ssize_t length = recv(watch->proof, message, sizeof message - 1, MSG_DONTWAIT);
    if (length <= 0) {
        return false;
    }
    message[length] = '\0';
    (void)snprintf(expected, sizeof expected, "%s %d", watch->nonce, (int)watch->pid);
    if (strcmp(message, expected) == 0) {
        return true;
    }
    verdict(watch, "another process answered in its place");
    return false;
}

/* True: it is proved meanwhile. */
static bool look(const struct watch *watch, bool again)
{
    if (is_secure(watch->pid)) {
        verdict(watch, "the kernel executes it in its secure mode, which ignores LD_PRELOAD");
    }
    if (!again || !is_mapped_without(watch->pid)) {
        return false;
    }
    const struct timespec moment = {.tv_nsec = 5000000};
    (void)nanosleep(&moment, NULL);
    if (!is_mapped_without(watch->pid)) {
        return false;
    }
    if (!receive(watch)) {
        verdict(watch, "the dynamic loader has not loaded it");
    }
    return true;
}

static void watch_program(const struct watch *watch)
{
    struct pollfd executed = {.fd = watch->executed, .events = POLLIN};
    char failed;
    while (poll(&executed, 1, -1) < 0 && errno == EINTR) {
    }
    if (read(watch->executed, &failed, 1) == 1) {
        _exit(0); /* the exec failed, and this process has said so */
    }
    int wait_ms = 0;
    for (int waited_ms = 0; waited_ms < PROOF_MS; waited_ms += wait_ms) {
        struct pollfd ready[2] = {{.fd = watch->proof, .events = POLLIN},
                                  {.fd = watch->process, .events = POLLIN}};
        if (poll(ready, 1, wait_ms) > 0) {
            if (receive(watch)) {
                _exit(0);
            }
            (void)look(watch, false);
            /* The program's end of the socket was closed, by the program or because it ended. */
            bool ended = !watch->strict && poll(&ready[1], 1, CLOSING_MS) == 1;
            verdict(watch, ended ? "it ended, and the shim sent no proof"
                                 : "it runs, but the shim sent no proof");
        }
        if (look(watch, wait_ms > 0)) {
            _exit(0);
        }
        wait_ms = wait_ms == 0 ? 1 : (wait_ms < LOOK_MAX_MS ? wait_ms * 2 : LOOK_MAX_MS);
    }
    verdict(watch, "the shim sent no proof in time");
}

/* context: the watch. */
static void run_watch(void *context)
{
    watch_program(context);
}

static bool make_nonce(char out[2 * NONCE + 1])
{
    unsigned char octets[NONCE];
    if (!dns_io_random(octets, sizeof octets)) {
        return false;
    }
    for (size_t i = 0; i < sizeof octets; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", octets[i]);
    }
    return true;
}

/* Moves the program's end to a number that disturbs no program, without close-on-exec. */
static bool name_socket(int fd, const struct watch *watch)
{
    char value[128];
    struct stat status;
    int high = fcntl(fd, F_DUPFD, FIRST_DESCRIPTOR);
    if (high < 0) {
        high = fcntl(fd, F_DUPFD, 3);
    }
    if (high < 0 || fstat(high, &status) != 0) {
        return false;
    }
    (void)snprintf(value, sizeof value, "%s:%d:%ju:%s", watch->follow, high,
                   (uintmax_t)status.st_ino, watch->nonce);
    return setenv("ECHSHIM_LAUNCHER", value, 1) == 0;
}

static bool start(struct watch *watch, int proof[2], int executed[2])
{
    watch->pid = getpid();
    watch->process = (int)syscall(SYS_pidfd_open, watch->pid, 0);
    watch->proof = proof[0];
    watch->executed = executed[0];
    if (watch->process < 0 || !make_nonce(watch->nonce)) {
        return false;
    }
    const int kept[] = {STDERR_FILENO, watch->process, watch->proof, watch->executed};
    bool started = background_start(run_watch, watch, kept, sizeof kept / sizeof *kept);
    (void)close(watch->process);
    return started && name_socket(proof[1], watch);
}

bool prove_watch(const char *name, bool strict, const char *follow)
{
    int proof[2] = {-1, -1};
    int executed[2] = {-1, -1};
    struct watch watch = {.name = name, .follow = follow, .strict = strict, .process = -1};
    bool started = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, proof) == 0 &&
                   pipe2(executed, O_CLOEXEC) == 0 && start(&watch, proof, executed);
    if (!started) {
        say(ECHSHIM, "cannot watch whether the shim is in %s: %s", name, strerror(errno));
    }
    const int done[] = {proof[0], proof[1], executed[0]};
    for (size_t i = 0; i < sizeof done / sizeof *done; i++) {
        if (done[i] >= 0) {
            (void)close(done[i]);
        }
    }
    launched = executed[1];
    return started;
}

void prove_give_up(void)
{
    if (launched >= 0) {
        ssize_t ignored = write(launched, "x", 1);
        (void)ignored;
    }
}
