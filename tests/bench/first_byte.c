/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* first_byte PROGRAM ARGUMENT...: runs the program. Prints the microseconds to the first octet of
 * its output, and from there to the last part. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    int ends[2];
    char octets[4096];
    if (argc < 2 || pipe(ends) != 0) {
        return 2;
    }
    double start = now_us();
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    close(ends[1]);
    double first = 0;
    double last = 0;
    while (read(ends[0], octets, sizeof octets) > 0) {
        last = now_us();
        first = first == 0 ? last : first;
    }
    int status = 1;
    waitpid(child, &status, 0);
    printf("%.0f %.0f\n", first - start, last - first);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
