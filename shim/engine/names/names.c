/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/names.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/base/section.h"
#include "shim/engine/names/nss_pack.h"
#include "shim/engine/names/nsswitch.h"
#include "shim/engine/names/resolve.h"
#include "shim/engine/resolver/channel.h"
#include "shim/engine/state/log.h"
#include "shim/nss/module.h"

#define MODULE_NAME "libnss_" SHIM_NAMES_SERVICE ".so.2"

enum { PATH_SIZE = 4096, CONF_SIZE = 16384, LINE_SIZE = 1024 };

/* Where names are resolved that are not this machine's own. Constant after shim_names_start. */
static enum {
    NAMES_SYSTEM,     /* by the C library alone */
    NAMES_SERVICE,    /* our service */
    NAMES_LOCAL_ONLY, /* nowhere: our service cannot be loaded */
    NAMES_CLOSED,     /* nor can the C library be kept from asking the network */
} names;

static __thread bool failed_for_good __attribute__((tls_model("initial-exec")));

bool shim_names_closed(void)
{
    return names == NAMES_CLOSED;
}

bool shim_names_failed_for_good(void)
{
    bool failed = failed_for_good || names == NAMES_LOCAL_ONLY;
    failed_for_good = false;
    return failed;
}

/* ---- the service ---- */

static enum nss_status status_of(enum shim_names_outcome outcome, int *error, int *h_error)
{
    switch (outcome) {
    case SHIM_NAMES_FOUND:
        return NSS_STATUS_SUCCESS;
    case SHIM_NAMES_NO_NAME:
        *error = ENOENT;
        *h_error = HOST_NOT_FOUND;
        return NSS_STATUS_NOTFOUND;
    case SHIM_NAMES_NO_DATA:
        *error = ENOENT;
        *h_error = NO_DATA;
        return NSS_STATUS_NOTFOUND;
    case SHIM_NAMES_SERVFAIL:
    case SHIM_NAMES_TRY_AGAIN:
        *error = EAGAIN;
        *h_error = TRY_AGAIN;
        return NSS_STATUS_TRYAGAIN;
    case SHIM_NAMES_OUT_OF_MEMORY:
        *error = ENOMEM;
        *h_error = NETDB_INTERNAL;
        return NSS_STATUS_TRYAGAIN;
    case SHIM_NAMES_FAILED:
        break;
    }
    failed_for_good = true;
    *error = EAGAIN;
    *h_error = NO_RECOVERY;
    return NSS_STATUS_TRYAGAIN;
}

static enum nss_status too_small(int *error, int *h_error)
{
    *error = ERANGE;
    *h_error = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
}

/* One name to resolve. This may wait, and the program may leave that wait
 * (shim/engine/base/section.h). */
struct question {
    struct shim_work work;
    struct shim_names_answer answer;
    enum shim_names_outcome outcome;
    int family;
    char name[];
};

static void run(struct shim_work *work)
{
    struct question *question = (struct question *)work;
    question->outcome = shim_names_resolve(question->name, question->family, &question->answer);
}

static void drop(struct shim_work *work)
{
    free(work);
}

static enum shim_names_outcome resolve_in_section(const char *name, int family,
                                                  struct shim_names_answer *answer)
{
    int saved = errno;
    if (shim_state()->stub->locked()) {
        return SHIM_NAMES_FAILED;
    }
    size_t size = strlen(name) + 1;
    enum shim_names_outcome outcome = SHIM_NAMES_OUT_OF_MEMORY;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    struct question *question = malloc(sizeof *question + size);
    if (question == NULL) {
        shim_hold_end(&hold);
        return outcome;
    }
    *question = (struct question){.work = {.run = run, .drop = drop}, .family = family};
    memcpy(question->name, name, size);
    if (shim_section_run(&question->work)) {
        *answer = question->answer;
        outcome = question->outcome;
        free(question);
    }
    shim_hold_end(&hold);
    errno = saved;
    return outcome;
}

/*
 * Is this a name that we ask the C library for ourselves, and that the system's resolver has to
 * answer? The name itself tells, not the caller: a local name has the dot at its end (ask_system),
 * and an encrypted resolver's name is known by its pointer.
 */
static bool is_systems(const char *name)
{
    size_t length = strlen(name);
    char bare[DNS_HOST_SIZE];
    if (shim_resolver_channel_asks(name)) {
        return true;
    }
    if (length < 2 || length > sizeof bare || name[length - 1] != '.') {
        return false;
    }
    memcpy(bare, name, length - 1);
    bare[length - 1] = '\0';
    return shim_names_stays_local(bare);
}

static enum nss_status not_for_us(int *error, int *h_error)
{
    *error = ENOENT;
    *h_error = NO_RECOVERY;
    return NSS_STATUS_UNAVAIL;
}

static enum nss_status give_tuples(const char *name, struct gaih_addrtuple **first, char *buffer,
                                   size_t size, int *error, int *h_error, int32_t *ttl)
{
    (void)ttl; /* only nscd needs it */
    struct shim_names_answer answer;
    if (is_systems(name)) {
        return not_for_us(error, h_error);
    }
    enum shim_names_outcome outcome = resolve_in_section(name, AF_UNSPEC, &answer);
    if (outcome == SHIM_NAMES_FOUND && !shim_names_pack_tuples(&answer, first, buffer, size)) {
        return too_small(error, h_error);
    }
    return status_of(outcome, error, h_error);
}

static enum nss_status give_host(const char *name, int family, struct hostent *host, char *buffer,
                                 size_t size, int *error, int *h_error, int32_t *ttl,
                                 char **canonical)
{
    (void)ttl;
    struct shim_names_answer answer;
    if (is_systems(name)) {
        return not_for_us(error, h_error);
    }
    if (family != AF_INET && family != AF_INET6) {
        *error = EAFNOSUPPORT;
        *h_error = NETDB_INTERNAL;
        return NSS_STATUS_NOTFOUND;
    }
    enum shim_names_outcome outcome = resolve_in_section(name, family, &answer);
    if (outcome == SHIM_NAMES_FOUND && !shim_names_pack_host(&answer, family, host, buffer, size)) {
        return too_small(error, h_error);
    }
    if (outcome == SHIM_NAMES_FOUND && canonical != NULL) {
        *canonical = host->h_name;
    }
    return status_of(outcome, error, h_error);
}

static const struct shim_names_calls calls = {.tuples = give_tuples, .host = give_host};

/* ---- the start ---- */

/* The module is in the engine's folder. */
static bool load_module(void)
{
    Dl_info info;
    char path[PATH_SIZE];
    if (dladdr(&calls, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    int folder = slash != NULL ? (int)(slash - info.dli_fname) + 1 : 0;
    int length = snprintf(path, sizeof path, "%.*s" MODULE_NAME, folder, info.dli_fname);
    const struct shim_stub *stub = shim_state()->stub;
    void *handle = length > 0 && (size_t)length < sizeof path
                       ? stub->dlopen(path, RTLD_NOW | RTLD_LOCAL)
                       : NULL;
    shim_names_attach_function *attach =
        handle != NULL ? (shim_names_attach_function *)stub->dlsym(handle, "shim_names_attach")
                       : NULL;
    if (attach == NULL) {
        return false;
    }
    attach(&calls);
    return true;
}

static bool place_service(bool local_only)
{
    char conf[CONF_SIZE];
    char line[LINE_SIZE];
    size_t length = 0;
    FILE *file = fopen("/etc/nsswitch.conf", "re");
    if (file != NULL) {
        length = fread(conf, 1, sizeof conf, file);
        (void)fclose(file);
    }
    return shim_names_services(bytes_of(conf, length), local_only, line, sizeof line) == ECH_OK &&
           __nss_configure_lookup("hosts", line) == 0;
}

void shim_names_start(void)
{
    const struct shim_settings *settings = &shim_state()->settings;
    if (!settings->names_protected) {
        return;
    }
    if (load_module() && place_service(false)) {
        names = NAMES_SERVICE;
        return;
    }
    shim_log(settings, SHIM_LOG_ERROR, "names cannot be resolved: %s is not where the engine is",
             MODULE_NAME);
    names = place_service(true) ? NAMES_LOCAL_ONLY : NAMES_CLOSED;
}
