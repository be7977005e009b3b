/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A proxy that knows CONNECT (RFC 9110, 9.3.6) and SOCKS 5 with names (RFC 1928), and leads every
 * tunnel to one address. What was asked for stands in LOG, a line for each. */
#include "listen.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 4096, CHUNK = 16384 };

struct proxy {
    const char *to;
    FILE *log;
};

static bool send_all(int fd, const char *octets, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, octets, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        octets += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Reads octet by octet, so that nothing of what follows the request is taken. */
static bool read_request(int client, char request[REQUEST_MAX])
{
    size_t length = 0;
    while (length < REQUEST_MAX - 1 && recv(client, request + length, 1, 0) == 1) {
        request[++length] = '\0';
        if (length >= 4 && strcmp(request + length - 4, "\r\n\r\n") == 0) {
            return true;
        }
    }
    return false;
}

static bool read_exactly(int client, void *out, size_t length)
{
    return recv(client, out, length, MSG_WAITALL) == (ssize_t)length;
}

/* Up to the name and port that are to be connected to. */
static bool read_socks(int client, char target[REQUEST_MAX])
{
    unsigned char methods[256];
    unsigned char request[5];
    unsigned char name[256 + 2];
    static const char no_authentication[] = {5, 0};
    if (!read_exactly(client, methods, 2) || !read_exactly(client, methods + 1, methods[1]) ||
        !send_all(client, no_authentication, sizeof no_authentication) ||
        !read_exactly(client, request, sizeof request) || request[3] != 3 ||
        !read_exactly(client, name, (size_t)request[4] + 2)) {
        return false;
    }
    snprintf(target, REQUEST_MAX, "%.*s:%u", request[4], (const char *)name,
             (unsigned)name[request[4]] << 8 | name[request[4] + 1]);
    return true;
}

static bool pass_on(int from, int to)
{
    char octets[CHUNK];
    ssize_t got = recv(from, octets, sizeof octets, 0);
    return got > 0 && send_all(to, octets, (size_t)got);
}

static void tunnel(int client, int server)
{
    struct pollfd ends[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    bool open = true;
    while (open && poll(ends, 2, -1) > 0) {
        for (int i = 0; i < 2 && open; i++) {
            open = ends[i].revents == 0 || pass_on(ends[i].fd, ends[1 - i].fd);
        }
    }
}

static bool read_target(int client, bool socks, char target[REQUEST_MAX])
{
    char request[REQUEST_MAX];
    if (socks) {
        return read_socks(client, target);
    }
    return read_request(client, request) && sscanf(request, "CONNECT %4095s HTTP/1.", target) == 1;
}

static void serve(int client, void *argument, unsigned number)
{
    (void)number;
    const struct proxy *proxy = argument;
    static const char granted[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    static const char socks_granted[] = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    char target[REQUEST_MAX];
    char first = 0;
    int server = -1;
    bool socks = recv(client, &first, 1, MSG_PEEK) == 1 && first == 5;
    if (read_target(client, socks, target)) {
        fprintf(proxy->log, "%s\n", target);
        server = connect_to(proxy->to);
    }
    if (server >= 0 && (socks ? send_all(client, socks_granted, sizeof socks_granted)
                              : send_all(client, granted, sizeof granted - 1))) {
        tunnel(client, server);
    }
    close(client);
    if (server >= 0) {
        close(server);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        die("usage: connect_proxy ADDRESS:PORT TO-ADDRESS:PORT LOG");
    }
    struct proxy proxy = {.to = argv[2], .log = fopen(argv[3], "ae")};
    if (proxy.log == NULL) {
        die("%s cannot be written", argv[3]);
    }
    setvbuf(proxy.log, NULL, _IOLBF, 0);
    serve_forever(listen_on(argv[1]), serve, &proxy);
}
