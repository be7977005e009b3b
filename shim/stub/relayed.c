/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/relayed.h"

#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/relay_variables.h"
#include "shim/common/tls_libraries.h"
#include "shim/stub/detours.h"

/* RFC 8446, 4.4.3: every TLS 1.3 client has these octets, to check a signature over them. */
static const char label[] = "TLS 1.3, server CertificateVerify";

/* ---- what lies in the process ---- */

struct seen {
    bool any; /* the program itself was seen: it comes first */
    bool hooked;
    bool unhooked;
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool has_label(const struct dl_phdr_info *object)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        bool constant = segment->p_type == PT_LOAD && (segment->p_flags & PF_R) != 0 &&
                        (segment->p_flags & PF_W) == 0;
        /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
        const void *at = (const void *)(object->dlpi_addr + segment->p_vaddr);
        if (constant && memmem(at, segment->p_filesz, label, sizeof label - 1) != NULL) {
            return true;
        }
    }
    return false;
}

/* Java's launcher links a library of its own. JSSE is in a file of classes. */
static bool is_java(const char *name)
{
    return strncmp(name, "libjli.so", strlen("libjli.so")) == 0 ||
           strncmp(name, "libjvm.so", strlen("libjvm.so")) == 0;
}

/* context: struct seen. */
static int see(struct dl_phdr_info *object, size_t size, void *context)
{
    struct seen *seen = context;
    const char *name = base_of(object->dlpi_name != NULL ? object->dlpi_name : "");
    const struct shim_tls_soname *library = shim_tls_soname_of(name);
    (void)size;
    seen->hooked = seen->hooked || (library != NULL && library->hooked);
    seen->unhooked = seen->unhooked || (library != NULL && !library->hooked) || is_java(name) ||
                     (!seen->any && has_label(object));
    seen->any = true;
    return 0;
}

bool stub_needs_relay(void)
{
    static atomic_int known; /* 0: not yet */
    enum { NO = 1, YES };
    struct seen seen = {.hooked = stub_detours_library() != NULL};
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        if (!seen.hooked) {
            (void)dl_iterate_phdr(see, &seen);
        }
        answer = !seen.hooked && seen.unhooked ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}

/* ---- modules ---- */

/* Where an object lies, and what was found in it. */
struct judged {
    atomic_uintptr_t start; /* 0: not yet there */
    uintptr_t end;
    bool unreached;
};

struct search {
    uintptr_t caller;
    uintptr_t start; /* of the object that has the caller; 0: none */
    uintptr_t end;
    bool first; /* the next object is the program */
    bool unreached;
};

static void limits(const struct dl_phdr_info *object, uintptr_t *start, uintptr_t *end)
{
    *start = UINTPTR_MAX;
    *end = 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD) {
            uintptr_t at = object->dlpi_addr + segment->p_vaddr;
            *start = at < *start ? at : *start;
            *end = at + segment->p_memsz > *end ? at + segment->p_memsz : *end;
        }
    }
}

/* context: struct search. The program itself was judged when it started, and we have the label. */
static int judge(struct dl_phdr_info *object, size_t size, void *context)
{
    struct search *search = context;
    uintptr_t start;
    uintptr_t end;
    bool program = search->first;
    (void)size;
    search->first = false;
    limits(object, &start, &end);
    if (search->caller < start || search->caller >= end) {
        return 0;
    }
    search->start = start;
    search->end = end;
    bool own = (uintptr_t)label >= start && (uintptr_t)label < end;
    search->unreached = !program && !own &&
                        shim_tls_soname_of(base_of(object->dlpi_name)) == NULL && has_label(object);
    return 1;
}

bool stub_is_unreached(const void *caller)
{
    enum { JUDGED = 32 };
    static struct judged judged[JUDGED];
    static atomic_uint count;
    struct search search = {.caller = (uintptr_t)caller, .first = true};
    for (unsigned i = 0; i < JUDGED; i++) {
        uintptr_t start = atomic_load_explicit(&judged[i].start, memory_order_acquire);
        if (start != 0 && search.caller >= start && search.caller < judged[i].end) {
            return judged[i].unreached;
        }
    }
    (void)dl_iterate_phdr(judge, &search);
    unsigned place =
        search.start != 0 ? atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) : JUDGED;
    if (place < JUDGED) {
        judged[place].end = search.end;
        judged[place].unreached = search.unreached;
        atomic_store_explicit(&judged[place].start, search.start, memory_order_release);
    }
    return search.unreached;
}

/* ---- the environment ---- */

enum { TEXT_MAX = 16384 };

/* "NAME=VALUE" of each variable that was taken out; NULL: none. They lie in `texts`. */
static char *hidden[SHIM_RELAY_VARIABLES];
static char texts[TEXT_MAX];
static size_t texts_length;

/* The place of a variable in a block; NULL: it is not there. */
static char **find(char **block, const char *name, size_t length)
{
    for (; block != NULL && *block != NULL; block++) {
        if (strncmp(*block, name, length) == 0 && (*block)[length] == '=') {
            return block;
        }
    }
    return NULL;
}

/* The value before the relay's, as "NAME=VALUE" within another variable; NULL: there was none. */
static char *replaced(char **block, const char *name)
{
    static const char prefix[] = SHIM_RELAY_REPLACED;
    size_t length = strlen(name);
    for (; block != NULL && *block != NULL; block++) {
        if (strncmp(*block, prefix, sizeof prefix - 1) == 0 &&
            strncmp(*block + sizeof prefix - 1, name, length) == 0 &&
            (*block)[sizeof prefix - 1 + length] == '=') {
            return *block + sizeof prefix - 1;
        }
    }
    return NULL;
}

static void hide(const struct shim_relay_variable *variable, const char *folder, char **place)
{
    char **at = find(environ, variable->name, strlen(variable->name));
    size_t size = strlen(*at) + 1;
    if (strstr(*at, folder) == NULL || size > sizeof texts - texts_length) {
        return; /* the program that started us has set another value */
    }
    *place = memcpy(texts + texts_length, *at, size);
    texts_length += size;
    char *before = replaced(environ, variable->name);
    if (before != NULL) {
        *at = before;
        return;
    }
    for (; *at != NULL; at++) {
        at[0] = at[1];
    }
}

void stub_hide_relay(void)
{
    const char *folder = getenv(SHIM_RELAY_FOLDER);
    for (size_t i = 0; folder != NULL && *folder == '/' && i < SHIM_RELAY_VARIABLES; i++) {
        const char *name = shim_relay_variables[i].name;
        if (find(environ, name, strlen(name)) != NULL) {
            hide(&shim_relay_variables[i], folder, &hidden[i]);
        }
    }
}

bool stub_hides_relay(void)
{
    return texts_length > 0;
}

size_t stub_add_relay(char **block, size_t count)
{
    for (size_t i = 0; i < SHIM_RELAY_VARIABLES; i++) {
        const char *name = shim_relay_variables[i].name;
        char **at = find(block, name, strlen(name));
        const char *before = replaced(block, name);
        if (hidden[i] == NULL) {
            continue;
        }
        if (at == NULL) {
            block[count++] = hidden[i];
            block[count] = NULL;
        } else if (before != NULL && strcmp(*at, before) == 0) {
            *at = hidden[i];
        }
    }
    return count;
}
