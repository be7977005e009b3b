/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes ClientHelloInners in the clear, without an outer hello: guard_inner ADDRESS PORT NAME
 * OTHER. OTHER is the size of an extension before the marker. Each way uses its own connection, and
 * prints "RECORDS/PIECES sent" or "... refused" (ECONNABORTED): the sizes of its records and of its
 * writes, 0 for all in one. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 4096, STREAM_MAX = 6 * MESSAGE_MAX, OTHER_MAX = 3000 };

static uint8_t message[MESSAGE_MAX];
static size_t message_len;
static uint8_t stream[STREAM_MAX];
static size_t stream_len;

static void put(const void *octets, size_t len)
{
    memcpy(message + message_len, octets, len);
    message_len += len;
}

static void put_number(size_t number)
{
    put((const uint8_t[]){(uint8_t)(number >> 8), (uint8_t)number}, 2);
}

static void make_message(const char *name, size_t other)
{
    static const uint8_t zeros[OTHER_MAX];
    size_t name_len = strlen(name);
    size_t extensions = 9 + name_len + 4 + other + 5;
    put((const uint8_t[]){1, 0}, 2);
    put_number(2 + 32 + 1 + 4 + 2 + 2 + extensions);
    put_number(0x0303);
    put("an inner hello's random, by hand", 32);
    put((const uint8_t[]){0, 0, 2, 0x13, 1, 1, 0}, 7);
    put_number(extensions);
    put_number(0);
    put_number(name_len + 5);
    put_number(name_len + 3);
    put("", 1);
    put_number(name_len);
    put(name, name_len);
    put_number(21);
    put_number(other);
    put(zeros, other);
    put((const uint8_t[]){0xfe, 0x0d, 0, 1, 1}, 5);
}

static void make_records(size_t size)
{
    stream_len = 0;
    for (size_t at = 0; at < message_len; at += size) {
        size_t len = size < message_len - at ? size : message_len - at;
        memcpy(stream + stream_len, (const uint8_t[]){22, 3, 1, (uint8_t)(len >> 8), (uint8_t)len},
               5);
        memcpy(stream + stream_len + 5, message + at, len);
        stream_len += 5 + len;
    }
}

/* False: refused. A server that dislikes the hello may have closed already. */
static bool write_stream(const struct sockaddr_in *server, size_t piece)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof *server) != 0) {
        fail("connect: %s", strerror(errno));
    }
    for (size_t at = 0; at < stream_len;) {
        size_t len = piece < stream_len - at ? piece : stream_len - at;
        if (write(fd, stream + at, len) != (ssize_t)len) {
            if (errno != ECONNABORTED && errno != EPIPE && errno != ECONNRESET) {
                fail("write: %s", strerror(errno));
            }
            return errno != ECONNABORTED;
        }
        at += len;
    }
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {0, 1, 7, 50, 300};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    if (argc != 5 || atoi(argv[4]) > OTHER_MAX) {
        fail("usage: guard_inner ADDRESS PORT NAME OTHER");
    }
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        fail("%s: no address", argv[1]);
    }
    signal(SIGPIPE, SIG_IGN);
    make_message(argv[3], (size_t)atoi(argv[4]));
    for (size_t i = 0; i < (size_t)SIZES * SIZES; i++) {
        size_t record = sizes[i / SIZES];
        size_t piece = sizes[i % SIZES];
        make_records(record > 0 ? record : MESSAGE_MAX);
        printf("%zu/%zu %s\n", record, piece,
               write_stream(&server, piece > 0 ? piece : STREAM_MAX) ? "sent" : "refused");
    }
    return 0;
}
