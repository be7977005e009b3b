/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void loop_fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

void loop_open(struct loop_target *target, int argc, char **argv)
{
    if (argc != 6) {
        loop_fail("SERVER-NAME ADDRESS PORT CAFILE COUNT: the command line");
    }
    target->server_name = argv[1];
    target->ca = argv[4];
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static long resident_kib(void)
{
    long all = 0;
    long resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL || fscanf(in, "%ld %ld", &all, &resident) != 2) {
        loop_fail("/proc/self/statm");
    }
    fclose(in);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void once(const struct loop_target *target, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A reset at the end leaves no port in TIME_WAIT; otherwise we would run out of ports. */
    struct linger reset = {.l_onoff = 1};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
        connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        loop_fail("connect");
    }
    target->handshake(target, fd);
    close(fd);
}

int loop_run(const struct loop_target *target, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[3]))};
    int count = atoi(argv[5]);
    if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1 || count <= 0) {
        loop_fail("reading the command line");
    }
    for (int i = 0; i < WARM_UP; i++) {
        once(target, &address);
    }
    double before_us = cpu_us();
    long before_kib = resident_kib();
    for (int i = 0; i < count; i++) {
        once(target, &address);
    }
    printf("%.3f %ld\n", (cpu_us() - before_us) / count, resident_kib() - before_kib);
    return 0;
}
