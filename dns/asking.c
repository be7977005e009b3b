/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/asking.h"

#include <errno.h>
#include <stdlib.h>

void dns_asking_begin(struct dns_asking *asking, const struct dns_io *io,
                      const struct dns_servers *servers, const struct dns_question *question,
                      uint64_t deadline_us)
{
    asking->x = NULL;
    dns_plain_begin(&asking->plain, io, servers, question, deadline_us);
}

enum dns_reason dns_asking_drive(struct dns_asking *asking, uint64_t deadline_us, bool *pending)
{
    *pending = false;
    if (asking->x == NULL && (asking->x = malloc(sizeof *asking->x)) == NULL) {
        return DNS_REASON_NO_MEMORY;
    }
    asking->plain.deadline_us = deadline_us;
    return dns_plain_drive(&asking->plain, asking->x, pending);
}

bool dns_asking_wait(struct dns_asking *const *askings, size_t count, uint64_t until_us)
{
    const struct dns_io *io = askings[0]->plain.io;
    struct pollfd fds[DNS_ASKING_MAX];
    size_t used = 0;
    for (; used < count && used < DNS_ASKING_MAX; used++) {
        uint64_t own_us;
        fds[used] = dns_plain_awaits(&askings[used]->plain, &own_us);
        until_us = own_us < until_us ? own_us : until_us;
    }
    uint64_t now = io->now_us();
    uint64_t left_ms = now >= until_us ? 0 : (until_us - now + 999) / 1000;
    int ready = io->poll(fds, used, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    /* EBADF: the drive will see it, and ask again. */
    return ready >= 0 || errno == EINTR || errno == EBADF;
}

void dns_asking_end(struct dns_asking *asking)
{
    dns_plain_end(&asking->plain);
    free(asking->x);
    asking->x = NULL;
}
