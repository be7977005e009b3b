/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/call.h"

#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include "tools/echshim/supervisor/filter.h"

enum {
    MESSAGES_MAX = 1024, /* the kernel takes no more of one sendmmsg (UIO_MAXIOV) */
    NAME_MAX_OCTETS = sizeof(struct sockaddr_storage),
};

/* The kernel's struct msghdr begins with a pointer to the address and its length; in an array of
 * struct mmsghdr the next one follows after so many octets. */
struct layout {
    size_t word;
    size_t stride;
};

static const struct layout layout_32 = {.word = 4, .stride = 32};
static const struct layout layout_64 = {.word = 8, .stride = 64};

enum asked_call { CONNECT, SENDTO, SENDMSG, SENDMMSG };

/* The call with its arguments, wherever they came from. */
struct asked {
    enum asked_call what;
    uint64_t arguments[6];
    const struct layout *layout;
};

struct look {
    const struct supervisor_memory *memory;
    supervisor_watches *watches;
    const void *context;
    struct sockaddr_storage *destination;
};

static enum supervisor_read read_memory(const struct look *look, uint64_t address, void *out,
                                        size_t length)
{
    return look->memory->read(look->memory->context, address, out, length);
}

/* ---- addresses ---- */

/* For connect, AF_UNSPEC means to disconnect. For datagrams the kernel takes it for AF_INET. */
static bool port_of(const struct sockaddr_storage *address, size_t length, bool connects,
                    uint16_t *port)
{
    struct sockaddr_in ipv4;
    bool internet = address->ss_family == AF_INET || address->ss_family == AF_INET6 ||
                    (address->ss_family == AF_UNSPEC && !connects);
    if (!internet || length < offsetof(struct sockaddr_in, sin_addr)) {
        return false;
    }
    memcpy(&ipv4, address, sizeof ipv4);
    *port = ntohs(ipv4.sin_port);
    return true;
}

static enum supervisor_look look_at_address(const struct look *look, uint64_t at, uint64_t length,
                                            bool connects)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    uint16_t port;
    if (length > NAME_MAX_OCTETS) {
        return SUPERVISOR_LOOK_NOTHING; /* the kernel says EINVAL */
    }
    switch (read_memory(look, at, &address, (size_t)length)) {
    case SUPERVISOR_READ:
        break;
    case SUPERVISOR_READ_FAULT:
        return SUPERVISOR_LOOK_NOTHING;
    case SUPERVISOR_READ_DENIED:
        return SUPERVISOR_LOOK_DENIED;
    }
    if (!port_of(&address, (size_t)length, connects, &port) ||
        !look->watches(look->context, port)) {
        return SUPERVISOR_LOOK_NOTHING;
    }
    if (address.ss_family == AF_UNSPEC) {
        address.ss_family = AF_INET;
    }
    *look->destination = address;
    return SUPERVISOR_LOOK_WATCHED;
}

/* `header` has the first two members of a struct msghdr. */
static enum supervisor_look look_at_header(const struct look *look, const struct layout *layout,
                                           const uint8_t *header)
{
    uint64_t name = 0;
    int32_t length;
    if (layout->word == sizeof(uint32_t)) {
        uint32_t name_32;
        memcpy(&name_32, header, sizeof name_32);
        name = name_32;
    } else {
        memcpy(&name, header, sizeof name);
    }
    memcpy(&length, header + layout->word, sizeof length);
    if (name == 0 || length <= 0) {
        return SUPERVISOR_LOOK_NOTHING;
    }
    /* The kernel cuts a longer address. */
    return look_at_address(look, name,
                           length < NAME_MAX_OCTETS ? (uint64_t)length : NAME_MAX_OCTETS, false);
}

static enum supervisor_look look_at_messages(const struct look *look, const struct asked *asked,
                                             uint64_t count)
{
    enum { HEAD = sizeof(uint64_t) + sizeof(int32_t) };
    uint64_t at = asked->arguments[1];
    for (uint64_t i = 0; i < count && i < MESSAGES_MAX; i++, at += asked->layout->stride) {
        uint8_t header[HEAD];
        switch (read_memory(look, at, header, asked->layout->word + sizeof(int32_t))) {
        case SUPERVISOR_READ:
            break;
        case SUPERVISOR_READ_FAULT:
            return SUPERVISOR_LOOK_NOTHING; /* the kernel stops there */
        case SUPERVISOR_READ_DENIED:
            return SUPERVISOR_LOOK_DENIED;
        }
        enum supervisor_look seen = look_at_header(look, asked->layout, header);
        if (seen != SUPERVISOR_LOOK_NOTHING) {
            return seen;
        }
    }
    return SUPERVISOR_LOOK_NOTHING;
}

/* ---- calls ---- */

/* The arguments of socketcall are an array of words in memory. */
static enum supervisor_read read_socketcall(const struct look *look,
                                            const struct seccomp_data *call, struct asked *asked)
{
    static const struct {
        unsigned number;
        enum asked_call what;
        size_t count;
    } calls[] = {
        {SUPERVISOR_SOCKETCALL_CONNECT, CONNECT, 3},
        {SUPERVISOR_SOCKETCALL_SENDTO, SENDTO, 6},
        {SUPERVISOR_SOCKETCALL_SENDMSG, SENDMSG, 3},
        {SUPERVISOR_SOCKETCALL_SENDMMSG, SENDMMSG, 4},
    };
    uint32_t words[6];
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if ((uint32_t)call->args[0] != calls[i].number) {
            continue;
        }
        asked->what = calls[i].what;
        enum supervisor_read status =
            read_memory(look, (uint32_t)call->args[1], words, calls[i].count * sizeof *words);
        for (size_t k = 0; status == SUPERVISOR_READ && k < calls[i].count; k++) {
            asked->arguments[k] = words[k];
        }
        return status;
    }
    return SUPERVISOR_READ_DENIED; /* the filter sends no other */
}

static enum supervisor_read read_call(const struct look *look, const struct seccomp_data *call,
                                      const struct supervisor_calls *numbers, struct asked *asked)
{
    asked->layout = numbers->word == sizeof(uint32_t) ? &layout_32 : &layout_64;
    if (call->nr == numbers->socketcall) {
        return read_socketcall(look, call, asked);
    }
    memcpy(asked->arguments, call->args, sizeof asked->arguments);
    if (call->nr == numbers->connect) {
        asked->what = CONNECT;
    } else if (call->nr == numbers->sendto) {
        asked->what = SENDTO;
    } else if (call->nr == numbers->sendmsg) {
        asked->what = SENDMSG;
    } else if (call->nr == numbers->sendmmsg) {
        asked->what = SENDMMSG;
    } else {
        return SUPERVISOR_READ_DENIED;
    }
    return SUPERVISOR_READ;
}

enum supervisor_look supervisor_look_at(const struct seccomp_data *call,
                                        const struct supervisor_memory *memory,
                                        supervisor_watches *watches, const void *context,
                                        struct sockaddr_storage *destination)
{
    const struct look look = {memory, watches, context, destination};
    const struct supervisor_calls *numbers = supervisor_calls_of(call->arch);
    struct asked asked = {.what = CONNECT};
    if (numbers == NULL) {
        return SUPERVISOR_LOOK_DENIED;
    }
    switch (read_call(&look, call, numbers, &asked)) {
    case SUPERVISOR_READ:
        break;
    case SUPERVISOR_READ_FAULT:
        return SUPERVISOR_LOOK_NOTHING;
    case SUPERVISOR_READ_DENIED:
        return SUPERVISOR_LOOK_DENIED;
    }
    switch (asked.what) {
    case CONNECT:
        /* The length is an int: what is negative is too large here. */
        return look_at_address(&look, asked.arguments[1], (uint32_t)asked.arguments[2], true);
    case SENDTO:
        return look_at_address(&look, asked.arguments[4], (uint32_t)asked.arguments[5], false);
    case SENDMSG:
        return look_at_messages(&look, &asked, 1);
    default:
        return look_at_messages(&look, &asked, (uint32_t)asked.arguments[2]);
    }
}

bool supervisor_is_connect(const struct seccomp_data *call, const struct supervisor_memory *memory,
                           int *fd)
{
    const struct look look = {.memory = memory};
    const struct supervisor_calls *numbers = supervisor_calls_of(call->arch);
    struct asked asked = {.what = SENDTO};
    if (numbers == NULL || read_call(&look, call, numbers, &asked) != SUPERVISOR_READ) {
        return false;
    }
    *fd = (int)(uint32_t)asked.arguments[0];
    return asked.what == CONNECT;
}

bool supervisor_is_question(const struct seccomp_data *call, uint16_t *port)
{
    const struct supervisor_calls *numbers = supervisor_calls_of(call->arch);
    *port = (uint16_t)call->args[1];
    return numbers != NULL && call->nr == numbers->connect && (uint32_t)call->args[0] == UINT_MAX &&
           call->args[1] <= UINT16_MAX && (int32_t)call->args[2] == SHIM_SUPERVISOR_QUESTION;
}
