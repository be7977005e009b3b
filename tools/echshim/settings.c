/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/settings.h"

#include <errno.h>
#include <limits.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns/encrypted/proxy.h"
#include "dns/resolver.h"
#include "ech/config.h"
#include "shim/common/config_list.h"
#include "shim/common/mode.h"
#include "shim/common/ports.h"

enum { TIMEOUT_MAX_MS = 60000 };

/* Why a value cannot be used, or NULL. */
typedef const char *check(const char *value);

static const char *check_mode(const char *value)
{
    enum shim_mode mode;
    return *value != '\0' && shim_mode_parse(value, &mode)
               ? NULL
               : "a mode is off, grease, opportunistic or strict";
}

static bool any_port(void *context, uint16_t port)
{
    unsigned *count = context;
    (void)port;
    return ++*count <= 64;
}

static const char *check_ports(const char *value)
{
    unsigned count = 0;
    return *value != '\0' && shim_ports_parse(value, any_port, &count)
               ? NULL
               : "ports are numbers from 1 to 65535, comma-separated, 64 at most";
}

/* context: the first problem. */
static void first_problem(void *context, const char *item, const char *why)
{
    const char **problem = context;
    (void)item;
    *problem = *problem == NULL ? why : *problem;
}

static const char *check_resolver(const char *value)
{
    struct dns_resolver resolver;
    const char *problem = NULL;
    const struct dns_resolver_problems problems = {.tell = first_problem, .context = &problem};
    if (dns_resolver_parse(value, &resolver, &problems) == ECH_OK) {
        return problem;
    }
    return "a resolver is system, udp://IP[:PORT], tcp://IP[:PORT], tls://IP[:PORT][#NAME] or "
           "https://HOST[:PORT]/PATH[#IP], or a list of these";
}

static const char *check_proxy(const char *value)
{
    struct dns_proxy proxy;
    return dns_proxy_parse(value, &proxy) == ECH_OK
               ? NULL
               : "a proxy is socks5h://[USER:PASSWORD@]HOST[:PORT] or http://...";
}

static const char *check_switch(const char *value)
{
    return strcmp(value, "on") == 0 || strcmp(value, "off") == 0 ? NULL : "it is on or off";
}

static const char *check_relay(const char *value)
{
    return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 || check_switch(value) == NULL
               ? NULL
               : "it is yes or no";
}

static const char *check_timeout(const char *value)
{
    char *end;
    errno = 0;
    long timeout = strtol(value, &end, 10);
    return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0 && timeout >= 1 &&
                   timeout <= TIMEOUT_MAX_MS
               ? NULL
               : "it is a number of milliseconds from 1 to 60000";
}

static const char *check_log(const char *value)
{
    static const char *const levels[] = {"off", "error", "warn", "info", "debug"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(value, levels[i]) == 0) {
            return NULL;
        }
    }
    return "a level is off, error, warn, info or debug";
}

/* One list in Base64. */
static const char *check_config_item(const char *base64, size_t length)
{
    struct base64_decode_ctx context;
    size_t octets = BASE64_DECODE_LENGTH(length);
    uint8_t *list = malloc(octets + 1);
    if (list == NULL) {
        return "there is no memory for it";
    }
    base64_decode_init(&context);
    const char *problem = NULL;
    if (length == 0 || base64_decode_update(&context, &octets, list, length, base64) != 1 ||
        base64_decode_final(&context) != 1) {
        problem = "it is not Base64";
    } else if (ech_config_list_check(bytes_of(list, octets)) != ECH_OK) {
        problem = "it is not an ECHConfigList";
    }
    free(list);
    return problem;
}

/* A file that an item names. */
static const char *check_file(const char *path, size_t length)
{
    char text[PATH_MAX];
    if (length >= sizeof text) {
        return "the name of the file is too long";
    }
    memcpy(text, path, length);
    text[length] = '\0';
    return setting_check_readable(text);
}

static const char *check_item(const struct shim_config_item *item)
{
    const char *problem = item->problem;
    if (problem == NULL && item->names_file != NULL) {
        problem = check_file(item->names_file, item->names_file_length);
    }
    if (problem != NULL) {
        return problem;
    }
    return item->file != NULL ? check_file(item->file, item->file_length)
                              : check_config_item(item->base64, item->base64_length);
}

static const char *check_configs(const char *value)
{
    struct shim_config_item item;
    const char *problem = NULL;
    bool any = false;
    while (problem == NULL && shim_config_list_next(&value, &item)) {
        problem = check_item(&item);
        any = true;
    }
    return any ? problem : "it is empty";
}

static const char *check_outer_name(const char *value)
{
    return strcmp(value, SHIM_CONF_USUAL_OUTER_NAME) == 0 ||
                   ech_public_name_valid(bytes_of(value, strlen(value)))
               ? NULL
               : "it is not the name of a host";
}

const char *setting_check_readable(const char *value)
{
    struct stat status;
    if (stat(value, &status) != 0 || access(value, R_OK) != 0) {
        return strerror(errno);
    }
    return S_ISDIR(status.st_mode) ? "it is a folder" : NULL;
}

static const char *check_folder(const char *value)
{
    struct stat status;
    if (stat(value, &status) != 0) {
        return errno == ENOENT ? NULL : strerror(errno); /* it can be made */
    }
    return S_ISDIR(status.st_mode) ? NULL : "it is not a folder";
}

static const char *check_path(const char *value)
{
    return *value != '\0' ? NULL : "it is empty";
}

/* ---- all of them ---- */

/* A row for each key of shim/common/conf.h, and a last one for the variable ECHSHIM_CONF: its
 * check, and whether its value becomes an absolute path, because the program may change its folder.
 */
#define SETTINGS(ROW)                                                                              \
    ROW(SHIM_CONF_MODE, check_mode, false)                                                         \
    ROW(SHIM_CONF_PORTS, check_ports, false)                                                       \
    ROW(SHIM_CONF_RESOLVER, check_resolver, false)                                                 \
    ROW(SHIM_CONF_CONFIG_LIST, check_configs, false)                                               \
    ROW(SHIM_CONF_OUTER_NAME, check_outer_name, false)                                             \
    ROW(SHIM_CONF_RETRY, check_switch, false)                                                      \
    ROW(SHIM_CONF_GREASE, check_switch, false)                                                     \
    ROW(SHIM_CONF_PRIVATE, check_switch, false)                                                    \
    ROW(SHIM_CONF_CA_FILE, setting_check_readable, true)                                           \
    ROW(SHIM_CONF_RESOLVER_PROXY, check_proxy, false)                                              \
    ROW(SHIM_CONF_TIMEOUT_MS, check_timeout, false)                                                \
    ROW(SHIM_CONF_CACHE, check_folder, true)                                                       \
    ROW(SHIM_CONF_LOG, check_log, false)                                                           \
    ROW(SHIM_CONF_LOG_FILE, check_path, true)                                                      \
    ROW(SHIM_CONF_REPORT, check_path, true)                                                        \
    ROW(SHIM_CONF_DETOURS, check_switch, false)                                                    \
    ROW(SHIM_CONF_RELAY, check_relay, false)                                                       \
    ROW(SHIM_CONF_GO, check_switch, false)                                                         \
    ROW(SETTING_CONF, setting_check_readable, true)

static const struct setting {
    check *check;
    bool path;
} settings[] = {
#define ROW_OF(key, check, path) [key] = {check, path},
    SETTINGS(ROW_OF)
#undef ROW_OF
};

/* The compiler rejects a second row for a key. So if the number of rows is right, each key has one.
 */
#define COUNT(key, check, path) +1
_Static_assert(0 SETTINGS(COUNT) == SHIM_CONF_KEYS + 1,
               "each key of shim/common/conf.h needs a row in SETTINGS");
#undef COUNT

const char *setting_check(int index, const char *value)
{
    return settings[index].check(value);
}

bool setting_is_path(int index)
{
    return settings[index].path;
}
