/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/settings/proxy_environment.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shim/engine/settings/settings.h"

/* The port that programs take where a value has none. */
static uint16_t usual_port(const char *scheme, size_t length)
{
    enum { HTTP_PORT = 80, SOCKS_PORT = 1080 };
    if (length == 5 && strncasecmp(scheme, "https", length) == 0) {
        return DNS_HTTPS_PORT;
    }
    return length >= 5 && strncasecmp(scheme, "socks", 5) == 0 ? SOCKS_PORT : HTTP_PORT;
}

static uint16_t port_or(const char *text, uint16_t otherwise)
{
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);
    return end != text && port <= UINT16_MAX ? (uint16_t)port : otherwise;
}

static size_t without_dot(const char *host, size_t length)
{
    return length > 1 && host[length - 1] == '.' ? length - 1 : length;
}

bool shim_proxy_value_names(const char *value, const char *host, uint16_t *port)
{
    const char *scheme = value;
    const char *colon = strstr(value, "://");
    size_t scheme_length = colon != NULL ? (size_t)(colon - value) : 0;
    value = colon != NULL ? colon + 3 : value;
    size_t end = strcspn(value, "/?#");
    const char *at = memrchr(value, '@', end);
    if (at != NULL) {
        end -= (size_t)(at + 1 - value);
        value = at + 1;
    }
    const char *close = memchr(value, ']', end);
    const char *port_colon = memchr(close != NULL ? close : value, ':',
                                    close != NULL ? end - (size_t)(close - value) : end);
    size_t length = port_colon != NULL ? (size_t)(port_colon - value) : end;
    length = without_dot(value, length);
    if (length == 0 || length != without_dot(host, strlen(host)) ||
        strncasecmp(value, host, length) != 0) {
        return false;
    }
    uint16_t usual = usual_port(scheme, scheme_length);
    *port = port_colon != NULL ? port_or(port_colon + 1, usual) : usual;
    return true;
}

bool shim_proxy_of_environment(const char *host, uint16_t *port)
{
    static const char *const variables[] = {
        "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY",
        "socks_proxy", "SOCKS_PROXY", "ftp_proxy", "FTP_PROXY", "wss_proxy",  "WSS_PROXY",
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = secure_getenv(variables[i]);
        if (value != NULL && shim_proxy_value_names(value, host, port)) {
            return true;
        }
    }
    return false;
}

bool shim_proxy_in_environment(void)
{
    static const char *const variables[] = {"https_proxy", "HTTPS_PROXY"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = secure_getenv(variables[i]);
        if (value != NULL && *value != '\0') {
            return true;
        }
    }
    return false;
}
