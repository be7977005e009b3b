/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For --report and --watch: a parent that the program and the shell do not notice. It stays in its
 * child's process group, so the terminal and the shell's job control reach the child as they would
 * without us. It passes on signals that are sent to it alone. It stops when the child stops, and
 * ends as the child ends.
 *
 * A signal to the whole group reaches the child anyway and must not come twice. The kernel does not
 * say whether a signal went to one process or to the group. So a third process, the holder, sits in
 * the group and blocks every signal: what is pending there went to the group.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dns/io.h"
#include "shim/common/compat.h"
#include "shim/common/journal.h"
#include "shim/common/report.h"
#include "tools/echshim/echshim.h"
#include "tools/echshim/show/page.h"
#include "tools/echshim/show/table.h"

/* A kill of a group is one system call, but we may wake up in the middle of it. */
static const struct timespec whole_group = {.tv_nsec = 2000000};

struct parent {
    pid_t child;
    pid_t holder;
    sigset_t taken;  /* the signals that are waited for */
    sigset_t before; /* the mask that we were started with */
    bool *failed;    /* shared with the child: the program could not be executed */
    char folder[PATH_MAX];
    char report[PATH_MAX + 64];
    char *asked;       /* the former ECHSHIM_REPORT, or NULL: the lines go there at the end */
    int asked_fd;      /* a duplicate of the descriptor in fd:N; or -1 */
    struct live *live; /* of --watch, or NULL */
};

/* ---- the report's place ---- */

/*
 * Some programs change their user (apt, squid) and write their lines as that user. So every user
 * who knows the file's name may append to it. Nobody can guess or list that name; only the
 * environment of the programs has it. Only our user may read the file.
 */
static bool make_file(struct parent *parent)
{
    uint64_t secret[2];
    if (!dns_io_random(secret, sizeof secret)) {
        return false;
    }
    (void)snprintf(parent->report, sizeof parent->report, "%s/%016llx%016llx", parent->folder,
                   (unsigned long long)secret[0], (unsigned long long)secret[1]);
    int fd = open(parent->report, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    bool made = fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR | S_IWGRP | S_IWOTH) == 0 &&
                chmod(parent->folder, S_IRWXU | S_IXGRP | S_IXOTH) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return made;
}

/* In a folder of our own: a program that has become another user could not open a file in /tmp
 * itself. */
static bool make_report(struct parent *parent, const struct program *program)
{
    const char *temporary = getenv("TMPDIR");
    if (!conf_report(program, &parent->asked)) {
        return false;
    }
    const char *asked = parent->asked;
    int length = snprintf(parent->folder, sizeof parent->folder, "%s/echshim.XXXXXX",
                          temporary != NULL && *temporary == '/' ? temporary : "/tmp");
    if (length >= (int)sizeof parent->folder || mkdtemp(parent->folder) == NULL ||
        !make_file(parent)) {
        say(ECHSHIM, "there is no place for the report in %s: %s",
            temporary != NULL ? temporary : "/tmp", strerror(errno));
        return false;
    }
    parent->asked_fd = asked != NULL && strncmp(asked, "fd:", 3) == 0
                           ? fcntl((int)strtol(asked + 3, NULL, 10), F_DUPFD_CLOEXEC, 3)
                           : -1;
    return setenv("ECHSHIM_REPORT", parent->report, 1) == 0;
}

static void remove_report(const struct parent *parent)
{
    (void)unlink(parent->report);
    (void)rmdir(parent->folder);
}

/* Copies the lines to a file, opened as the shim would open it, or to a descriptor. */
static bool copy_lines(const struct parent *parent, FILE *report)
{
    char line[SHIM_REPORT_MAX];
    bool descriptor = strncmp(parent->asked, "fd:", 3) == 0;
    int fd = descriptor ? parent->asked_fd
                        : open(parent->asked,
                               O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
                               S_IRUSR | S_IWUSR);
    bool written = fd >= 0;
    while (written && fgets(line, sizeof line, report) != NULL) {
        written = write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    }
    int failure = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = failure;
    return written;
}

/* Copies the lines to the place that ECHSHIM_REPORT named. */
static void copy_report(const struct parent *parent, FILE *report)
{
    bool written = strcmp(parent->asked, SHIM_REPORT_TO_JOURNAL) == 0 ? journal_send(report)
                                                                      : copy_lines(parent, report);
    if (!written) {
        say(ECHSHIM, "the report cannot be written to %s: %s", parent->asked, strerror(errno));
    }
    rewind(report);
}

static void show_report(const struct parent *parent, const struct options *options)
{
    FILE *report = fopen(parent->report, "re");
    if (report != NULL && parent->asked != NULL) {
        copy_report(parent, report);
    }
    if (options->page != NULL && !page_write(options->page, report, options->program[0])) {
        say(ECHSHIM, "the page cannot be written to %s: %s", options->page, strerror(errno));
    }
    if (options->table) {
        if (report != NULL) {
            rewind(report);
        }
        (void)table_print(stderr, report, options->json,
                          say_colored(options->color, STDERR_FILENO));
        (void)fflush(stderr);
    }
    if (report != NULL) {
        (void)fclose(report);
    }
}

/* ---- signals ---- */

static void take_signals(struct parent *parent)
{
    /* Signals of faults are not passed on: they would be our own faults. */
    static const int left[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    (void)sigfillset(&parent->taken);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        (void)sigdelset(&parent->taken, left[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &parent->taken, &parent->before);
}

static pid_t start_holder(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t all;
        (void)sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, NULL);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)syscall(SYS_close_range, 0, UINT_MAX,
                      0); /* so that no reader of a pipe waits for us */
        while (getppid() == parent) {
            (void)pause();
        }
        _exit(0);
    }
    return pid;
}

static void end_holder(struct parent *parent)
{
    if (parent->holder > 0) {
        (void)kill(parent->holder, SIGKILL);
        while (waitpid(parent->holder, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    parent->holder = -1;
}

static bool is_pending(pid_t pid, int signal)
{
    char path[64];
    char line[256];
    unsigned long long pending = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "ShdPnd:", strlen("ShdPnd:")) == 0) {
            pending = strtoull(line + strlen("ShdPnd:"), NULL, 16);
            break;
        }
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return (pending >> (signal - 1) & 1) != 0;
}

/* A new holder is empty. */
static bool went_to_group(struct parent *parent, int signal)
{
    (void)nanosleep(&whole_group, NULL);
    if (parent->holder <= 0 || !is_pending(parent->holder, signal)) {
        return false;
    }
    end_holder(parent);
    parent->holder = start_holder();
    return true;
}

/* The terminal sends these to its whole foreground group. */
static bool is_of_terminal(const siginfo_t *info)
{
    static const int signals[] = {SIGINT,  SIGQUIT, SIGTSTP, SIGTTIN,
                                  SIGTTOU, SIGHUP,  SIGCONT, SIGWINCH};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (info->si_signo == signals[i]) {
            return info->si_code == SI_KERNEL;
        }
    }
    return false;
}

static void pass_on(struct parent *parent, const siginfo_t *info)
{
    if (is_of_terminal(info) || info->si_pid == parent->child ||
        went_to_group(parent, info->si_signo)) {
        return;
    }
    if (info->si_code == SI_QUEUE) {
        (void)sigqueue(parent->child, info->si_signo, info->si_value);
    } else {
        (void)kill(parent->child, info->si_signo);
    }
}

/* Does to this process what was done to the child. */
static void take_default(int signal)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction before;
    sigset_t only;
    sigset_t mask;
    (void)sigemptyset(&only);
    (void)sigaddset(&only, signal);
    (void)sigaction(signal, &usual, &before);
    (void)raise(signal);
    (void)sigprocmask(SIG_UNBLOCK, &only, &mask);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    (void)sigaction(signal, &before, NULL);
}

static void stop_too(int signal)
{
    sigset_t pending;
    if (sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1) {
        return; /* it goes on already */
    }
    take_default(signal);
}

/* True: the child has ended, and *end says how. */
static bool child_ended(struct parent *parent, siginfo_t *end)
{
    for (;;) {
        *end = (siginfo_t){0};
        if (waitid(P_PID, (id_t)parent->child, end, WEXITED | WSTOPPED | WNOHANG) != 0 ||
            end->si_pid == 0) {
            return false;
        }
        if (end->si_code != CLD_STOPPED && end->si_code != CLD_TRAPPED) {
            return true;
        }
        if (parent->live != NULL) {
            live_pause(parent->live);
        }
        stop_too(end->si_status);
    }
}

/* The next signal; 0: it is time for the view. */
static int next_signal(struct parent *parent, siginfo_t *info)
{
    static const struct timespec pause = {.tv_nsec = LIVE_EVERY_MS * 1000000L};
    if (parent->live == NULL) {
        return sigwaitinfo(&parent->taken, info);
    }
    int signal = sigtimedwait(&parent->taken, info, &pause);
    if (signal < 0 && errno == EAGAIN) {
        live_update(parent->live);
        return 0;
    }
    return signal;
}

static void wait_for_end(struct parent *parent, siginfo_t *end)
{
    siginfo_t info;
    for (;;) {
        int signal = next_signal(parent, &info);
        if (signal == SIGCHLD && child_ended(parent, end)) {
            return;
        }
        if (signal > 0 && (signal != SIGCHLD || info.si_code <= 0)) {
            pass_on(parent, &info);
        }
    }
}

static int end_like(const siginfo_t *end)
{
    if (end->si_code == CLD_EXITED) {
        return end->si_status;
    }
    /* Ends this process by the same signal, but without a second core file. */
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    take_default(end->si_status);
    return 128 + end->si_status;
}

/* ---- the program's process ---- */

static void become_child(const struct parent *parent, const struct program *program,
                         const struct options *options, pid_t launcher)
{
    /* A SIGKILL to us is the only thing that we cannot send on. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher) {
        _exit(EXIT_OWN);
    }
    (void)sigprocmask(SIG_SETMASK, &parent->before, NULL);
    int code = execute_watched(program, options);
    *parent->failed = true;
    _exit(code);
}

/* Closes our copies: other processes must see when the program closes its side. */
static void let_go(void)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) {
        (void)dup2(nothing, STDIN_FILENO);
        (void)dup2(nothing, STDOUT_FILENO);
        (void)close(nothing);
    }
}

int wait_for_program(const struct program *program, const struct options *options)
{
    struct parent parent = {.child = -1, .holder = -1, .asked_fd = -1};
    siginfo_t end;
    pid_t launcher = getpid();
    parent.failed = mmap(NULL, sizeof *parent.failed, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (parent.failed == MAP_FAILED || !make_report(&parent, program)) {
        return EXIT_OWN;
    }
    take_signals(&parent);
    parent.child = fork();
    if (parent.child == 0) {
        become_child(&parent, program, options, launcher);
    }
    if (parent.child < 0) {
        say(ECHSHIM, "%s cannot be started: %s", program->path, strerror(errno));
        remove_report(&parent);
        return EXIT_OWN;
    }
    parent.holder = start_holder();
    if (options->watch != LIVE_OFF) {
        parent.live =
            live_start(options->watch, parent.report, options->program[0], options->color);
    }
    let_go();
    wait_for_end(&parent, &end);
    end_holder(&parent);
    live_end(parent.live, !options->table && !*parent.failed);
    if (!*parent.failed) {
        show_report(&parent, options);
    }
    remove_report(&parent);
    return end_like(&end);
}
