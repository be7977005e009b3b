/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/resolver/system_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "shim/engine/base/section.h"
#include "shim/engine/state/state.h"

/* Not freed if the program leaves the call: the C library may still use it. */
struct question {
    struct addrinfo hints;
    const char *name;
    struct addrinfo *list;
    int result;
    int failure;
    char absolute[DNS_HOST_SIZE + 1];
};

static void ask(void *context)
{
    struct question *question = context;
    question->result =
        shim_state()->stub->getaddrinfo(question->name, NULL, &question->hints, &question->list);
    question->failure = errno;
}

int shim_names_ask_system(const char *name, bool absolute, int family, int flags,
                          struct addrinfo **list)
{
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL) {
        return EAI_MEMORY;
    }
    question->hints =
        (struct addrinfo){.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    question->name = name;
    if (absolute) {
        (void)snprintf(question->absolute, sizeof question->absolute, "%s.", name);
        question->name = question->absolute;
    }
    if (!shim_section_outside(ask, question)) {
        errno = ECANCELED;
        return EAI_SYSTEM;
    }
    int result = question->result;
    *list = question->list;
    errno = question->failure;
    free(question);
    return result;
}
