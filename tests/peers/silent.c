/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses that never answer: --udp takes datagrams, --tcp takes connections, and --full never
 * completes a connection, because its queue is full and it does not accept. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAITING = 8 };

static struct sockaddr_in address_of(const char *where)
{
    char host[64];
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strchr(where, ':');
    if (colon == NULL || (size_t)(colon - where) >= sizeof host) {
        die("%s: not ADDRESS:PORT", where);
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        die("%s: not ADDRESS:PORT", where);
    }
    return address;
}

/* Makes more connections than the queue has room for: later ones wait for ever. */
static void fill(const struct sockaddr_in *address)
{
    for (int i = 0; i < WAITING; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fd, (const struct sockaddr *)address, sizeof *address);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        struct sockaddr_in address = address_of(argv[i + 1]);
        bool udp = strcmp(argv[i], "--udp") == 0;
        bool full = strcmp(argv[i], "--full") == 0;
        int on = 1;
        int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
            (!udp && listen(fd, full ? 0 : 128) != 0)) {
            die("%s: %s", argv[i + 1], strerror(errno));
        }
        if (full) {
            fill(&address);
        }
    }
    printf("listening everywhere\n");
    fflush(stdout);
    pause();
    return 0;
}
