/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * execs HOW ENVIRONMENT PROGRAM [ARGUMENT...]: executes PROGRAM, by each of libc's functions for
 * that. ENVIRONMENT: "kept", "cleaned", "no-settings". Ends with the program's status, or with 100
 * + errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../compat.h"

static int status_of(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/* Returns errno out of the child of a vfork without a pipe: parent and child share memory. */
static int by_vfork(char *const argv[], char *const environment[])
{
    volatile int problem = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        execve(argv[0], argv, environment);
        problem = errno;
        _exit(98);
    }
    int status = status_of(pid);
    errno = problem;
    return problem != 0 ? -1 : status;
}

static int by_spawn(int (*spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                                 const posix_spawnattr_t *, char *const[], char *const[]),
                    char *const argv[], char *const environment[])
{
    pid_t pid;
    int problem = spawn(&pid, argv[0], NULL, NULL, argv, environment);
    errno = problem;
    return problem != 0 ? -1 : status_of(pid);
}

static int by_popen(const char *command)
{
    FILE *pipe = popen(command, "r");
    int octet;
    if (pipe == NULL) {
        return -1;
    }
    while ((octet = getc(pipe)) != EOF) {
        putchar(octet);
    }
    return WEXITSTATUS(pclose(pipe));
}

static int run(const char *how, char *const argv[], char *const environment[])
{
    char *program = argv[0];
    environ = (char **)environment;
    if (strcmp(how, "execve") == 0) {
        return execve(program, argv, environment);
    }
    if (strcmp(how, "execv") == 0) {
        return execv(program, argv);
    }
    if (strcmp(how, "execvp") == 0) {
        return execvp(program, argv);
    }
    if (strcmp(how, "execvpe") == 0) {
        return execvpe(program, argv, environment);
    }
    if (strcmp(how, "execl") == 0) {
        return execl(program, program, "one", "two", (char *)NULL);
    }
    if (strcmp(how, "execle") == 0) {
        return execle(program, program, "one", "two", (char *)NULL, environment);
    }
    if (strcmp(how, "execlp") == 0) {
        return execlp(program, program, "one", "two", (char *)NULL);
    }
    if (strcmp(how, "fexecve") == 0) {
        return fexecve(open(program, O_RDONLY | O_CLOEXEC), argv, environment);
    }
    if (strcmp(how, "execveat") == 0) {
        return execveat(AT_FDCWD, program, argv, environment, 0);
    }
    if (strcmp(how, "vfork") == 0) {
        return by_vfork(argv, environment);
    }
    if (strcmp(how, "posix_spawn") == 0) {
        return by_spawn(posix_spawn, argv, environment);
    }
    if (strcmp(how, "posix_spawnp") == 0) {
        return by_spawn(posix_spawnp, argv, environment);
    }
    if (strcmp(how, "system") == 0) {
        int status = system(program);
        return status == -1 ? -1 : WEXITSTATUS(status);
    }
    return strcmp(how, "popen") == 0 ? by_popen(program) : 97;
}

int main(int argc, char *argv[])
{
    static char *environment[256];
    size_t count = 0;
    if (argc < 4) {
        return 96;
    }
    for (char **item = environ; *item != NULL && strcmp(argv[2], "cleaned") != 0; item++) {
        if (strcmp(argv[2], "kept") == 0 || strncmp(*item, "ECHSHIM_", 8) != 0) {
            environment[count++] = *item;
        }
    }
    environment[count] = NULL;
    char *usual[] = {argv[3], "one", "two", NULL};
    int result = run(argv[1], argc == 4 ? usual : argv + 3, environment);
    fflush(stdout);
    return result < 0 ? 100 + errno : result;
}
