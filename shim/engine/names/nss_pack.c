/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/nss_pack.h"

#include <string.h>
#include <sys/socket.h>

/* The free part of the caller's buffer. */
struct room {
    char *at;
    size_t left;
};

/* NULL if there is no room. */
static void *take(struct room *room, size_t size, size_t alignment)
{
    size_t skip = (alignment - (uintptr_t)room->at % alignment) % alignment;
    if (room->left < skip || room->left - skip < size) {
        return NULL;
    }
    char *taken = room->at + skip;
    room->at = taken + size;
    room->left -= skip + size;
    return taken;
}

static char *take_text(struct room *room, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = take(room, size, 1);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static void fill_tuple(struct gaih_addrtuple *tuple, const struct shim_names_address *address)
{
    *tuple = (struct gaih_addrtuple){.family = address->family, .scopeid = address->scope};
    memcpy(tuple->addr, address->octets, address->family == AF_INET ? 4 : 16);
}

bool shim_names_pack_tuples(const struct shim_names_answer *answer, struct gaih_addrtuple **first,
                            char *buffer, size_t size)
{
    struct room room = {buffer, size};
    struct gaih_addrtuple **link = first;
    struct gaih_addrtuple *tuple = *first;
    char *name = take_text(&room, answer->canonical);
    if (name == NULL) {
        return false;
    }
    for (size_t i = 0; i < answer->count; i++) {
        if (i > 0 || tuple == NULL) {
            tuple = take(&room, sizeof *tuple, _Alignof(struct gaih_addrtuple));
            if (tuple == NULL) {
                return false;
            }
            *link = tuple;
        }
        fill_tuple(tuple, &answer->list[i]);
        tuple->name = i == 0 ? name : NULL;
        link = &tuple->next;
    }
    return true;
}

bool shim_names_pack_host(const struct shim_names_answer *answer, int family, struct hostent *host,
                          char *buffer, size_t size)
{
    struct room room = {buffer, size};
    size_t length = family == AF_INET ? 4 : 16;
    size_t count = 0;
    for (size_t i = 0; i < answer->count; i++) {
        count += answer->list[i].family == family ? 1 : 0;
    }
    char **aliases = take(&room, 2 * sizeof *aliases, _Alignof(char *));
    char **addresses = take(&room, (count + 1) * sizeof *addresses, _Alignof(char *));
    /* Aligned, for programs read them as struct in6_addr. */
    char *octets = take(&room, count * length, _Alignof(uint32_t));
    char *name = take_text(&room, answer->canonical);
    if (aliases == NULL || addresses == NULL || octets == NULL || name == NULL) {
        return false;
    }
    aliases[0] = NULL;
    aliases[1] = NULL;
    if (answer->alias[0] != '\0' && (aliases[0] = take_text(&room, answer->alias)) == NULL) {
        return false;
    }
    size_t at = 0;
    for (size_t i = 0; i < answer->count; i++) {
        if (answer->list[i].family == family) {
            addresses[at] = octets + at * length;
            memcpy(addresses[at++], answer->list[i].octets, length);
        }
    }
    addresses[at] = NULL;
    *host = (struct hostent){.h_name = name,
                             .h_aliases = aliases,
                             .h_addrtype = family,
                             .h_length = (int)length,
                             .h_addr_list = addresses};
    return true;
}
