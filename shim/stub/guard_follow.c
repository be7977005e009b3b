/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Follows hellos that a program cuts into several writes, until their random is out. A hello that
 * is not ours is followed further, until we know whether it has the marker of a ClientHelloInner.
 */
#include "shim/stub/guard.h"

/* ---- the marker of an inner hello ---- */

/* Reads on, up to `end`, in a hello that is not ours. */
static enum shim_inner read_inner(struct stub_attempt *attempt, struct shim_inner_reader *reader,
                                  size_t end)
{
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    return shim_inner_read_source(reader, &source, attempt->inner_from, end, &attempt->inner_end);
}

/* Does the marker stand in this write? If the write ends before the hello does, later writes are
 * read too. */
static bool goes_on_as_inner(struct stub_attempt *attempt)
{
    struct shim_inner_reader reader = attempt->inner;
    enum shim_inner inner = read_inner(attempt, &reader, SIZE_MAX);
    attempt->inner_sought = inner == SHIM_INNER_MORE;
    return inner == SHIM_INNER_IS;
}

bool stub_follow_shows_inner(struct stub_attempt *attempt)
{
    attempt->inner = (struct shim_inner_reader){0};
    attempt->inner_from = attempt->sight.at;
    if (attempt->sight.at < attempt->before) {
        /* The octets of earlier writes are not kept, so read them now. */
        if (read_inner(attempt, &attempt->inner, attempt->before) != SHIM_INNER_MORE) {
            return false;
        }
        attempt->inner_from = attempt->before;
    }
    return goes_on_as_inner(attempt);
}

/* Keeps the reader as it stands after the octets that were sent. */
static void keep_reader(struct stub_attempt *attempt, size_t sent)
{
    bool goes_on =
        sent > attempt->inner_from && read_inner(attempt, &attempt->inner, sent) == SHIM_INNER_MORE;
    if (goes_on && !attempt->tracked) {
        attempt->tracked = stub_progress_open(attempt->socket);
    }
    if (goes_on && attempt->tracked) {
        stub_progress_set_reader(attempt->socket, &attempt->inner);
    } else if (attempt->tracked) {
        stub_progress_close(attempt->socket);
    }
}

/* ---- hellos that take several writes ---- */

bool stub_follow_recall(struct stub_attempt *attempt)
{
    if (!stub_progress_any()) {
        return false;
    }
    stub_attempt_identify(attempt);
    attempt->before = (uint16_t)stub_progress_get(attempt->socket, attempt->octets);
    attempt->inner_sought = stub_progress_reader(attempt->socket, &attempt->inner);
    attempt->tracked = attempt->before != 0 || attempt->inner_sought;
    return attempt->inner_sought && goes_on_as_inner(attempt);
}

bool stub_follow_is_within(struct stub_attempt *attempt)
{
    const uint8_t *octets;
    size_t length;
    return attempt->inner_sought ||
           (attempt->inner_end > 0 &&
            !stub_attempt_octets(attempt, attempt->inner_end, &octets, &length));
}

size_t stub_follow_look_again(struct stub_attempt *attempt, size_t records)
{
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    struct shim_hello_sight behind;
    uint16_t before = attempt->before;
    shim_hello_scan(&source, records, &behind);
    if (behind.hello != SHIM_HELLO_IS) {
        attempt->before = 0;
        size_t own_records = shim_hello_find(&source, &attempt->sight);
        if (attempt->sight.hello == SHIM_HELLO_IS || behind.hello == SHIM_HELLO_NONE) {
            stub_progress_close(attempt->socket);
            attempt->tracked = false;
            return own_records;
        }
        attempt->before = before;
    }
    attempt->sight = behind;
    return records;
}

bool stub_follow_begin(struct stub_attempt *attempt)
{
    const uint8_t *octets;
    size_t length;
    size_t at = attempt->sight.at;
    bool fits = !stub_attempt_octets(attempt, at + SHIM_HELLO_FOLLOWED, &octets, &length) &&
                !attempt->partial;
    attempt->length =
        (uint16_t)stub_attempt_copy(attempt, at, attempt->octets, sizeof attempt->octets);
    if (fits && !attempt->tracked) {
        attempt->tracked = stub_progress_open(attempt->socket);
    }
    if (fits && attempt->tracked) {
        /* A signal handler may jump out of the call after the octets have gone. So they count as
         * sent until the call returns and says how many were. */
        stub_progress_set(attempt->socket, attempt->octets, attempt->length);
    }
    return fits && attempt->tracked;
}

void stub_follow_sent(struct stub_attempt *attempt, ssize_t result)
{
    const struct shim_hello_sight *sight = &attempt->sight;
    size_t sent = attempt->before + (result > 0 ? (size_t)result : 0);
    if (attempt->inner_sought) {
        if (result > 0) {
            keep_reader(attempt, sent);
        }
        return;
    }
    sent = sent > sight->at ? sent - sight->at : 0;
    if (!attempt->tracked) {
        return;
    }
    if (sent == 0 || sight->hello == SHIM_HELLO_NONE ||
        (sight->hello == SHIM_HELLO_IS && sent >= sight->needed)) {
        stub_progress_close(attempt->socket);
    } else {
        stub_progress_set(attempt->socket, attempt->octets,
                          sent < attempt->length ? sent : attempt->length);
    }
}
