/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A proxy that knows CONNECT (RFC 9110, 9.3.6), SOCKS 4, 4a and 5 (RFC 1928, RFC 1929), and Tor's
 * RESOLVE. Ports 443 and 8443 lead to one address, other ports to the requested target. LOG gets a
 * line for each request. With USER:PASSWORD the proxy asks for these; for CONNECT it takes any. */
#include "listen.h"

#include <arpa/inet.h>
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
    const char *password; /* USER:PASSWORD; NULL: none is asked for */
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

/* Reads octet by octet, so as not to read past the request. */
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
    return length == 0 || recv(client, out, length, MSG_WAITALL) == (ssize_t)length;
}

static bool read_text(int client, char *out, size_t room)
{
    for (size_t i = 0; i < room && recv(client, out + i, 1, 0) == 1; i++) {
        if (out[i] == '\0') {
            return true;
        }
    }
    return false;
}

static void name_address(int family, const unsigned char *octets, char target[REQUEST_MAX])
{
    char text[INET6_ADDRSTRLEN];
    snprintf(target, REQUEST_MAX, family == AF_INET6 ? "[%s]" : "%s",
             inet_ntop(family, octets, text, sizeof text));
}

static bool read_socks4(int client, char target[REQUEST_MAX])
{
    unsigned char request[8];
    char user[256];
    if (!read_exactly(client, request, sizeof request) || !read_text(client, user, sizeof user)) {
        return false;
    }
    name_address(AF_INET, request + 4, target);
    if (request[4] == 0 && request[5] == 0 && request[6] == 0 && request[7] != 0 &&
        !read_text(client, target, 256)) {
        return false;
    }
    snprintf(target + strlen(target), 8, ":%u", (unsigned)request[2] << 8 | request[3]);
    return true;
}

/* RFC 1929. */
static bool read_password(const struct proxy *proxy, int client)
{
    unsigned char length[2];
    char given[520] = "";
    char *at = given;
    if (!read_exactly(client, length, 2) || !read_exactly(client, at, length[1])) {
        return false;
    }
    at += length[1];
    *at++ = ':';
    if (!read_exactly(client, length, 1) || !read_exactly(client, at, length[0])) {
        return false;
    }
    at[length[0]] = '\0';
    bool right = strcmp(given, proxy->password) == 0;
    return send_all(client, right ? "\1\0" : "\1\1", 2) && right;
}

static bool read_socks5(const struct proxy *proxy, int client, char target[REQUEST_MAX],
                        unsigned char *command)
{
    unsigned char methods[256];
    unsigned char request[4];
    unsigned char octets[256];
    unsigned char port[2];
    unsigned char length = 0;
    if (!read_exactly(client, methods, 2) || !read_exactly(client, methods + 1, methods[1]) ||
        !send_all(client, proxy->password != NULL ? "\5\2" : "\5\0", 2) ||
        (proxy->password != NULL && !read_password(proxy, client)) ||
        !read_exactly(client, request, sizeof request)) {
        return false;
    }
    *command = request[1];
    length = request[3] == 1 ? 4 : 16;
    if ((request[3] == 3 && !read_exactly(client, &length, 1)) ||
        !read_exactly(client, octets, length) || !read_exactly(client, port, 2)) {
        return false;
    }
    if (request[3] == 3) {
        snprintf(target, REQUEST_MAX, "%.*s", length, (const char *)octets);
    } else {
        name_address(request[3] == 1 ? AF_INET : AF_INET6, octets, target);
    }
    snprintf(target + strlen(target), 8, ":%u", (unsigned)port[0] << 8 | port[1]);
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

/* A second request comes on the same connection. */
static bool read_connect(const struct proxy *proxy, int client, char target[REQUEST_MAX])
{
    static const char required[] = "HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic "
                                   "realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    char request[REQUEST_MAX];
    while (read_request(client, request) &&
           sscanf(request, "%*7[a-zA-Z] %4095s HTTP/1.", target) == 1) {
        if (proxy->password == NULL || strcasestr(request, "\r\nProxy-Authorization:") != NULL) {
            return true;
        }
        fprintf(proxy->log, "407 %s\n", target);
        if (!send_all(client, required, sizeof required - 1)) {
            return false;
        }
    }
    return false;
}

/* HTTPS servers are all at one address here; any other port leads where the client asked. */
static int connect_as_asked(const struct proxy *proxy, const char *target)
{
    const char *port = strrchr(target, ':');
    bool https = port == NULL || strcmp(port, ":443") == 0 || strcmp(port, ":8443") == 0;
    return connect_to(https ? proxy->to : target);
}

/* Tor's own command: returns an address for a name, without a connection. */
enum { SOCKS5_RESOLVE = 0xf0 };

static int open_tunnel(const struct proxy *proxy, int client)
{
    static const char connected[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    static const char socks4_granted[] = {0, 90, 0, 0, 0, 0, 0, 0};
    static const char socks5_granted[] = {5, 0, 0, 1, (char)192, 0, 2, 1, 0, 0}; /* TEST-NET-1 */
    char target[REQUEST_MAX] = "";
    unsigned char command = 0;
    char first = 0;
    bool asked = false;
    const char *granted = connected;
    size_t length = sizeof connected - 1;
    (void)recv(client, &first, 1, MSG_PEEK);
    if (first == 4) {
        granted = socks4_granted;
        length = sizeof socks4_granted;
        asked = read_socks4(client, target);
    } else if (first == 5) {
        granted = socks5_granted;
        length = sizeof socks5_granted;
        asked = read_socks5(proxy, client, target, &command);
    } else {
        asked = read_connect(proxy, client, target);
    }
    if (!asked) {
        return -1;
    }
    fprintf(proxy->log, "%s\n", target);
    if (command == SOCKS5_RESOLVE) {
        (void)send_all(client, granted, length);
        return -1;
    }
    int server = connect_as_asked(proxy, target);
    if (server >= 0 && !send_all(client, granted, length)) {
        close(server);
        server = -1;
    }
    return server;
}

static void serve(int client, void *argument, unsigned number)
{
    (void)number;
    int server = open_tunnel(argument, client);
    if (server >= 0) {
        tunnel(client, server);
        close(server);
    }
    close(client);
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        die("usage: connect_proxy ADDRESS:PORT TO-ADDRESS:PORT LOG [USER:PASSWORD]");
    }
    struct proxy proxy = {.to = argv[2], .log = fopen(argv[3], "ae"), .password = argv[4]};
    if (proxy.log == NULL) {
        die("%s cannot be written", argv[3]);
    }
    setvbuf(proxy.log, NULL, _IOLBF, 0);
    serve_forever(listen_on(argv[1]), serve, &proxy);
}
