/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A recording TCP relay. It writes what each side sent to RECORD/NNNN.c2s and RECORD/NNNN.s2c
 * before the other side can read it. RECORD/NNNN.trips gets an octet each time that the client
 * speaks first or after the server: its round trips, without the one for the TCP connection.
 * --delay-ms adds a delay in both directions. */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 32 * 1024, PENDING_MAX = 1024 * 1024 };

struct relay {
    const char *to;
    const char *record;
    int64_t delay_ms;
};

/* Octets under way; none mean the end of the stream. */
struct chunk {
    struct chunk *next;
    int64_t due_ms;
    size_t len;
    size_t sent;
    char data[];
};

struct direction {
    int from;
    int to;
    int record;
    int64_t delay_ms;
    struct chunk *first;
    struct chunk **last;
    size_t pending;
    bool spoke; /* since the other direction last did */
    bool ended; /* nothing more comes in */
    bool done;  /* and everything has gone out */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False when the connection is broken. */
static bool take_in(struct direction *way)
{
    struct chunk *chunk = malloc(sizeof *chunk + CHUNK);
    if (chunk == NULL) {
        die("out of memory");
    }
    ssize_t got = recv(way->from, chunk->data, CHUNK, 0);
    if (got < 0) {
        free(chunk);
        return errno == EAGAIN || errno == EINTR;
    }
    if (got > 0 && way->record >= 0 && write(way->record, chunk->data, (size_t)got) != got) {
        die("the record cannot be written: %s", strerror(errno));
    }
    chunk->next = NULL;
    chunk->due_ms = now_ms() + way->delay_ms;
    chunk->len = (size_t)got;
    chunk->sent = 0;
    *way->last = chunk;
    way->last = &chunk->next;
    way->pending += chunk->len;
    way->ended = got == 0;
    return true;
}

static bool is_due(const struct direction *way)
{
    return way->first != NULL && way->first->due_ms <= now_ms();
}

static bool give_out(struct direction *way)
{
    while (is_due(way)) {
        struct chunk *chunk = way->first;
        if (chunk->len == 0) {
            shutdown(way->to, SHUT_WR);
            way->done = true;
        }
        while (chunk->sent < chunk->len) {
            ssize_t put =
                send(way->to, chunk->data + chunk->sent, chunk->len - chunk->sent, MSG_NOSIGNAL);
            if (put < 0) {
                return errno == EAGAIN || errno == EINTR;
            }
            chunk->sent += (size_t)put;
            way->pending -= (size_t)put;
        }
        way->first = chunk->next;
        if (way->first == NULL) {
            way->last = &way->first;
        }
        free(chunk);
    }
    return true;
}

/* Counts a turn of `way`: it speaks in answer to `other`, or as the first. */
static void note_turn(struct direction *way, struct direction *other, int trips)
{
    if (!way->spoke && trips >= 0 && write(trips, ".", 1) != 1) {
        die("the record cannot be written: %s", strerror(errno));
    }
    way->spoke = true;
    other->spoke = false;
}

static bool step(struct direction ways[2], int trips)
{
    struct pollfd ready[2] = {{.fd = ways[0].from}, {.fd = ways[1].from}};
    int64_t wait = INT_MAX;
    for (int i = 0; i < 2; i++) {
        if (!ways[i].ended && ways[i].pending < PENDING_MAX) {
            ready[i].events |= POLLIN;
        }
        if (is_due(&ways[i])) {
            ready[1 - i].events |= POLLOUT;
        } else if (ways[i].first != NULL && ways[i].first->due_ms - now_ms() < wait) {
            wait = ways[i].first->due_ms - now_ms();
        }
    }
    int count = poll(ready, 2, wait == INT_MAX ? -1 : (int)(wait > 0 ? wait : 0));
    for (int i = 0; i < 2; i++) {
        bool broken = count > 0 && (ready[i].revents & POLLERR) != 0;
        if (count > 0 && (ready[i].revents & POLLIN) != 0) {
            broken = !take_in(&ways[i]) || broken;
            if (!broken && !ways[i].ended) {
                note_turn(&ways[i], &ways[1 - i], i == 0 ? trips : -1);
            }
        }
        if (broken || !give_out(&ways[i])) {
            return false;
        }
    }
    return count >= 0 || errno == EINTR;
}

static int record_file(const struct relay *relay, unsigned number, const char *ending)
{
    char name[PATH_MAX];
    if (relay->record == NULL) {
        return -1;
    }
    snprintf(name, sizeof name, "%s/%04u.%s", relay->record, number, ending);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        die("%s: %s", name, strerror(errno));
    }
    return fd;
}

static void serve(int client, void *argument, unsigned number)
{
    const struct relay *relay = argument;
    int server = connect_to(relay->to);
    struct direction ways[2] = {
        {client, server, record_file(relay, number, "c2s"), relay->delay_ms, .first = NULL},
        {server, client, record_file(relay, number, "s2c"), relay->delay_ms, .first = NULL},
    };
    int trips = record_file(relay, number, "trips");
    bool whole = server >= 0;
    for (int i = 0; i < 2; i++) {
        ways[i].last = &ways[i].first;
        if (whole) {
            fcntl(ways[i].from, F_SETFL, fcntl(ways[i].from, F_GETFL) | O_NONBLOCK);
        }
    }
    while (whole && !(ways[0].done && ways[1].done)) {
        whole = step(ways, trips);
    }
    if (!whole) {
        /* Passes a reset of one side on to the other. */
        struct linger none = {.l_onoff = 1};
        setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        if (server >= 0) {
            setsockopt(server, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        }
    }
    if (trips >= 0) {
        close(trips);
    }
    for (int i = 0; i < 2; i++) {
        while (ways[i].first != NULL) {
            struct chunk *chunk = ways[i].first;
            ways[i].first = chunk->next;
            free(chunk);
        }
        if (ways[i].record >= 0) {
            close(ways[i].record);
        }
        if (ways[i].from >= 0) {
            close(ways[i].from);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"listen", 1, NULL, 'l'},   {"to", 1, NULL, 't'}, {"record", 1, NULL, 'r'},
        {"delay-ms", 1, NULL, 'd'}, {NULL, 0, NULL, 0},
    };
    struct relay relay = {0};
    const char *where = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'l':
            where = optarg;
            break;
        case 't':
            relay.to = optarg;
            break;
        case 'r':
            relay.record = optarg;
            break;
        case 'd':
            relay.delay_ms = atoi(optarg);
            break;
        default:
            where = NULL;
            optind = argc + 1;
            break;
        }
    }
    if (where == NULL || relay.to == NULL || optind != argc) {
        die("usage: relay --listen ADDRESS:PORT --to ADDRESS:PORT [--record FOLDER] "
            "[--delay-ms N]");
    }
    serve_forever(listen_on(where), serve, &relay);
}
