/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/address.h"
#include "tools/echshim/supervisor/engine.h"
#include "tools/echshim/supervisor/pool.h"

enum {
    QUERY_MAX = 4096,   /* octets of a query over UDP */
    ANSWER_MAX = 65535, /* octets of a response */
    CLIENTS_MAX = 1024, /* sockets whose queries are answered: the newest ones */
    STREAMS_MAX = 32,   /* connections at a time; each takes a thread */
    STREAM_IDLE_MS = 5000,
};

/* One for each family and kind of socket; -1: not open. */
enum door { UDP_4, UDP_6, TCP_4, TCP_6, DOORS };
static int doors[DOORS] = {-1, -1, -1, -1};
static int loop = -1;
static unsigned streams;

/* The addresses of the sockets that were led here. Nobody else is answered. */
static struct sockaddr_storage clients[CLIENTS_MAX];
static unsigned next_client;

void supervisor_names_start(int epoll)
{
    loop = epoll;
}

/* ---- the doors ---- */

static int family_of(enum door door)
{
    return door == UDP_4 || door == TCP_4 ? AF_INET : AF_INET6;
}

static int type_of(enum door door)
{
    return door == UDP_4 || door == UDP_6 ? SOCK_DGRAM : SOCK_STREAM;
}

static socklen_t loopback(int family, struct sockaddr_storage *address)
{
    static const uint8_t ipv4[4] = {127, 0, 0, 1};
    static const uint8_t ipv6[16] = {[15] = 1};
    struct shim_address octets =
        family == AF_INET ? shim_address_of_ipv4(ipv4) : shim_address_of_ipv6(ipv6);
    return shim_address_write(&octets, 0, address);
}

static bool open_door(enum door door)
{
    struct sockaddr_storage address;
    socklen_t length = loopback(family_of(door), &address);
    struct epoll_event event = {.events = EPOLLIN};
    if (doors[door] >= 0) {
        return true;
    }
    int fd = socket(family_of(door), type_of(door) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    event.data.fd = fd;
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, length) == 0 &&
        (type_of(door) == SOCK_DGRAM || listen(fd, SOMAXCONN) == 0) &&
        epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0) {
        doors[door] = fd;
        return true;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return false;
}

/* ---- leading a socket here ---- */

static bool is_same_network(pid_t task)
{
    char path[64];
    struct stat own;
    struct stat other;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)task);
    return stat("/proc/self/ns/net", &own) == 0 && stat(path, &other) == 0 &&
           own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

/* The way in for a socket; DOORS: there is none. */
static enum door door_for(int fd, const struct sockaddr_storage *destination)
{
    struct shim_address to;
    bool ipv4 = shim_address_of((const struct sockaddr *)destination, &to) &&
                shim_address_family(&to) == AF_INET;
    switch (option_of(fd, SO_TYPE)) {
    case SOCK_DGRAM:
        return ipv4 ? UDP_4 : UDP_6;
    case SOCK_STREAM:
        return ipv4 ? TCP_4 : TCP_6;
    default:
        return DOORS;
    }
}

/* The door's address, as a socket of this family has to write it. */
static socklen_t address_of(enum door door, int family, struct sockaddr_storage *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    socklen_t length = sizeof *address;
    if (getsockname(doors[door], (struct sockaddr *)address, &length) != 0) {
        return 0;
    }
    if (address->ss_family == AF_INET && family == AF_INET6) {
        struct sockaddr_in from;
        struct sockaddr_in6 to = {.sin6_family = AF_INET6};
        memcpy(&from, address, sizeof from);
        to.sin6_port = from.sin_port;
        memcpy(to.sin6_addr.s6_addr, mapped, sizeof mapped);
        memcpy(to.sin6_addr.s6_addr + sizeof mapped, &from.sin_addr, sizeof from.sin_addr);
        memcpy(address, &to, sizeof to);
        length = sizeof to;
    }
    return length;
}

static void admit(int fd)
{
    struct sockaddr_storage *client = &clients[next_client++ % CLIENTS_MAX];
    socklen_t length = sizeof *client;
    if (getsockname(fd, (struct sockaddr *)client, &length) != 0) {
        client->ss_family = AF_UNSPEC;
    }
}

static bool is_admitted(const struct sockaddr_storage *from)
{
    struct shim_address a;
    struct shim_address b;
    if (!shim_address_of((const struct sockaddr *)from, &a)) {
        return false;
    }
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        if (shim_address_of((const struct sockaddr *)&clients[i], &b) &&
            shim_address_equal(&a, &b) &&
            shim_address_port((const struct sockaddr *)from) ==
                shim_address_port((const struct sockaddr *)&clients[i])) {
            return true;
        }
    }
    return false;
}

bool supervisor_names_lead(int copy, pid_t task, const struct sockaddr_storage *destination,
                           int *error)
{
    enum door door = door_for(copy, destination);
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    if (door == DOORS || !is_same_network(task) || !open_door(door)) {
        return false; /* in another network, its loopback is not ours */
    }
    socklen_t length = address_of(door, option_of(copy, SO_DOMAIN), &address);
    if (length == 0) {
        return false;
    }
    *error = connect(copy, (const struct sockaddr *)&address, length) == 0 ? 0 : -errno;
    if (*error == 0 || *error == -EINPROGRESS) {
        admit(copy);
    }
    return true;
}

/* ---- datagrams ---- */

struct datagram {
    struct supervisor_task task;
    int fd;
    struct sockaddr_storage from;
    socklen_t from_length;
    size_t length;
    size_t answered;
    uint8_t query[QUERY_MAX];
    uint8_t answer[QUERY_MAX];
};

static void answer_datagram(struct supervisor_task *task)
{
    struct datagram *datagram = (struct datagram *)task;
    const struct shim_engine *engine = supervisor_engine();
    datagram->answered = engine != NULL
                             ? engine->answer_query(datagram->query, datagram->length, true,
                                                    datagram->answer, sizeof datagram->answer)
                             : 0;
}

static void send_datagram(struct supervisor_task *task)
{
    struct datagram *datagram = (struct datagram *)task;
    if (datagram->answered > 0) {
        (void)sendto(datagram->fd, datagram->answer, datagram->answered,
                     MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&datagram->from,
                     datagram->from_length);
    }
    free(datagram);
}

static void take_datagram(int fd)
{
    struct datagram *datagram = calloc(1, sizeof *datagram);
    char rest;
    if (datagram == NULL) {
        (void)recv(fd, &rest, 1, MSG_DONTWAIT);
        return;
    }
    datagram->task = (struct supervisor_task){.work = answer_datagram, .done = send_datagram};
    datagram->fd = fd;
    datagram->from_length = sizeof datagram->from;
    ssize_t length = recvfrom(fd, datagram->query, sizeof datagram->query, MSG_DONTWAIT,
                              (struct sockaddr *)&datagram->from, &datagram->from_length);
    datagram->length = length > 0 ? (size_t)length : 0;
    if (length <= 0 || !is_admitted(&datagram->from) || !supervisor_pool_add(&datagram->task)) {
        free(datagram);
    }
}

/* ---- connections (RFC 1035, 4.2.2): a thread for each ---- */

struct stream {
    struct supervisor_task task;
    int fd;
    uint8_t query[ANSWER_MAX];
    uint8_t answer[2 + ANSWER_MAX];
};

static bool wait_for(int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};
    return poll(&wait, 1, STREAM_IDLE_MS) == 1;
}

static bool receive_all(int fd, uint8_t *out, size_t length)
{
    while (length > 0) {
        ssize_t count = wait_for(fd, POLLIN) ? recv(fd, out, length, MSG_DONTWAIT) : 0;
        if (count <= 0) {
            return false;
        }
        out += count;
        length -= (size_t)count;
    }
    return true;
}

static bool send_all(int fd, const uint8_t *octets, size_t length)
{
    while (length > 0) {
        ssize_t count =
            wait_for(fd, POLLOUT) ? send(fd, octets, length, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (count <= 0) {
            return false;
        }
        octets += count;
        length -= (size_t)count;
    }
    return true;
}

static void answer_stream(struct supervisor_task *task)
{
    struct stream *stream = (struct stream *)task;
    const struct shim_engine *engine = supervisor_engine();
    uint8_t header[2];
    while (engine != NULL && receive_all(stream->fd, header, sizeof header)) {
        size_t length = (size_t)header[0] << 8 | header[1];
        size_t answered =
            receive_all(stream->fd, stream->query, length)
                ? engine->answer_query(stream->query, length, false, stream->answer + 2, ANSWER_MAX)
                : 0;
        stream->answer[0] = (uint8_t)(answered >> 8);
        stream->answer[1] = (uint8_t)answered;
        if (answered == 0 || !send_all(stream->fd, stream->answer, 2 + answered)) {
            break;
        }
    }
}

static void end_stream(struct supervisor_task *task)
{
    struct stream *stream = (struct stream *)task;
    (void)close(stream->fd);
    free(stream);
    streams--;
}

static void take_stream(int door)
{
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof from;
    int fd = accept4(door, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool welcome = fd >= 0 && streams < STREAMS_MAX && is_admitted(&from);
    struct stream *stream = welcome ? malloc(sizeof *stream) : NULL;
    if (stream != NULL) {
        stream->task = (struct supervisor_task){.work = answer_stream, .done = end_stream};
        stream->fd = fd;
        if (supervisor_pool_add(&stream->task)) {
            streams++;
            return;
        }
    }
    free(stream);
    if (fd >= 0) {
        (void)close(fd);
    }
}

bool supervisor_names_serve(int fd)
{
    for (enum door door = UDP_4; door < DOORS; door++) {
        if (doors[door] == fd && fd >= 0) {
            if (type_of(door) == SOCK_DGRAM) {
                take_datagram(fd);
            } else {
                take_stream(fd);
            }
            return true;
        }
    }
    return false;
}
