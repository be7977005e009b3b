/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/dns_responder.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int bound_socket(int type, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof address;
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, len) != 0) {
        close(fd);
        return -1;
    }
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static bool query_read(struct responder *r, struct bytes message, uint64_t at_us,
                       struct dns_query *query)
{
    struct reader reader = rd_of(message);
    struct bytes skipped;
    struct dns_name name;
    *query = (struct dns_query){.tcp = at_us == 0, .number = r->count, .at_us = at_us};
    uint16_t additionals = 0;
    bool good = rd_u16(&reader, &query->id) && rd_bytes(&reader, 8, &skipped) &&
                rd_u16(&reader, &additionals) && dns_name_read(&reader, &name) == ECH_OK &&
                dns_name_to_host(&name, query->name) && rd_u16(&reader, &query->type);
    query->edns = additionals > 0;
    if (good && r->count < RESPONDER_LOG_MAX) {
        r->log[r->count] = *query;
    }
    r->count += good ? 1 : 0;
    return good;
}

static void send_tcp(int fd, enum responder_act act, struct bytes message)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, message);
    wr_close(&w, mark);
    size_t len = act == RESPONDER_SEND_HALF ? w.len / 2 : w.len;
    size_t step = act == RESPONDER_SEND_SPLIT ? 1 : len;
    for (size_t at = 0; at < len; at += step) {
        (void)!send(fd, w.data + at, step, MSG_NOSIGNAL);
        if (act == RESPONDER_SEND_SPLIT) {
            usleep(500);
        }
    }
    wr_free(&w);
}

/* Over UDP, answers `to` a query that came at `at_us`; over TCP `to` is NULL and `at_us` 0. */
static enum responder_act respond(struct responder *r, int fd, const struct sockaddr_in *to,
                                  uint64_t at_us, struct bytes message)
{
    struct dns_query query;
    enum responder_act act = RESPONDER_AGAIN;
    if (!query_read(r, message, at_us, &query)) {
        return RESPONDER_SEND;
    }
    for (unsigned round = 0; act == RESPONDER_AGAIN; round++) {
        struct message reply = {0};
        act = r->answer(&query, round, &reply);
        if (act != RESPONDER_DROP) {
            struct bytes octets = message_finish(&reply);
            if (to == NULL) {
                send_tcp(fd, act, octets);
            } else {
                (void)!sendto(act == RESPONDER_SEND_ELSEWHERE ? r->elsewhere : fd, octets.data,
                              octets.len, 0, (const struct sockaddr *)to, sizeof *to);
            }
        }
        message_free(&reply);
    }
    return act;
}

static void serve_tcp(struct responder *r)
{
    uint8_t message[2048];
    size_t have = 0;
    int fd = accept4(r->tcp, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t got = 1;
    while (got > 0 && (have < 2 || have < 2U + (size_t)(message[0] << 8 | message[1]))) {
        got = recv(fd, message + have, sizeof message - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
    if (have > 2 && respond(r, fd, NULL, 0, bytes_of(message + 2, have - 2)) == RESPONDER_DROP &&
        r->silent_count < RESPONDER_SILENT_MAX) {
        r->silent[r->silent_count++] = fd;
        return;
    }
    close(fd);
}

static void serve_udp(struct responder *r)
{
    uint8_t message[2048];
    struct sockaddr_in from;
    union {
        struct cmsghdr header;
        uint8_t octets[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec iov = {message, sizeof message};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof from,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t got = recvmsg(r->udp, &msg, 0);
    struct cmsghdr *stamp = got < 0 ? NULL : CMSG_FIRSTHDR(&msg);
    /* qemu-user has no time stamps: there it is the time of reading. */
    struct timespec at;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    if (stamp != NULL && stamp->cmsg_type == SCM_TIMESTAMPNS) {
        memcpy(&at, CMSG_DATA(stamp), sizeof at);
    }
    if (got >= 0) {
        (void)respond(r, r->udp, &from,
                      (uint64_t)at.tv_sec * 1000000U + (uint64_t)at.tv_nsec / 1000U,
                      bytes_of(message, (size_t)got));
    }
}

static void *serve(void *arg)
{
    struct responder *r = arg;
    for (;;) {
        struct pollfd fds[] = {{r->udp, POLLIN, 0}, {r->tcp, POLLIN, 0}, {r->stop[0], POLLIN, 0}};
        (void)poll(fds, 3, -1);
        if (fds[2].revents != 0) {
            return NULL;
        }
        if (fds[0].revents != 0) {
            serve_udp(r);
        }
        if (fds[1].revents != 0) {
            serve_tcp(r);
        }
    }
}

void responder_start(struct responder *r, responder_fn *answer)
{
    *r = (struct responder){.udp = -1, .tcp = -1, .answer = answer};
    /* A port that is free for both UDP and TCP. */
    while (r->udp < 0) {
        uint16_t port = 0;
        r->tcp = bound_socket(SOCK_STREAM, &port);
        r->udp = bound_socket(SOCK_DGRAM, &port);
        r->port = port;
        if (r->udp < 0) {
            close(r->tcp);
        }
    }
    int on = 1;
    (void)setsockopt(r->udp, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    uint16_t other = 0;
    r->elsewhere = bound_socket(SOCK_DGRAM, &other);
    cr_assert_eq(listen(r->tcp, 8), 0);
    cr_assert_eq(pipe(r->stop), 0);
    cr_assert_eq(pthread_create(&r->thread, NULL, serve, r), 0);
}

void responder_stop(struct responder *r)
{
    cr_assert_eq(write(r->stop[1], "x", 1), 1);
    pthread_join(r->thread, NULL);
    for (unsigned i = 0; i < r->silent_count; i++) {
        close(r->silent[i]);
    }
    close(r->udp);
    close(r->tcp);
    close(r->elsewhere);
    close(r->stop[0]);
    close(r->stop[1]);
}
