/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SOCKS_VERSION = 5,
    SOCKS_NO_LOGIN = 0,
    SOCKS_PASSWORD = 2,
    SOCKS_CONNECT = 1,
    SOCKS_IPV4 = 1,
    SOCKS_NAME = 3,
    SOCKS_IPV6 = 4,
    HEAD_MAX = 8192,
    TEXT_SIZE = 1024,
};

/* ---- the setting ---- */

/* [USER:PASSWORD@] */
static bool login_take(const char **text, struct dns_proxy *proxy)
{
    const char *at = strrchr(*text, '@');
    if (at == NULL) {
        return true;
    }
    const char *colon = memchr(*text, ':', (size_t)(at - *text));
    const char *end = colon != NULL ? colon : at;
    size_t user = (size_t)(end - *text);
    size_t password = colon != NULL ? (size_t)(at - colon - 1) : 0;
    if (user == 0 || user >= DNS_PROXY_WORD || password >= DNS_PROXY_WORD) {
        return false;
    }
    memcpy(proxy->user, *text, user);
    memcpy(proxy->password, end + (colon != NULL ? 1 : 0), password);
    *text = at + 1;
    return true;
}

/* The host and port are read as those of a resolver with a path. */
static bool host_take(const char *text, struct dns_proxy *proxy, unsigned usual)
{
    char setting[TEXT_SIZE];
    struct dns_resolver *resolver = malloc(sizeof *resolver);
    size_t length = strcspn(text, "/");
    if (resolver == NULL || (text[length] == '/' && text[length + 1] != '\0')) {
        free(resolver);
        return false;
    }
    const char *last = memrchr(text, ']', length);
    last = last != NULL ? last : text;
    bool has_port = memchr(last, ':', length - (size_t)(last - text)) != NULL;
    int wrote = snprintf(setting, sizeof setting, has_port ? "https://%.*s/" : "https://%.*s:%u/",
                         (int)length, text, usual);
    bool good = wrote > 0 && (size_t)wrote < sizeof setting && strpbrk(text, ", \t\n") == NULL &&
                dns_resolver_parse(setting, resolver, NULL) == ECH_OK &&
                resolver->secure_count == 1;
    if (good) {
        const struct dns_secure_server *server = &resolver->secure[0];
        memcpy(proxy->name, server->name, sizeof proxy->name);
        proxy->port = server->port;
        proxy->address = server->address[0];
        proxy->address_len = server->address_len[0];
    }
    free(resolver);
    return good;
}

enum ech_status dns_proxy_parse(const char *setting, struct dns_proxy *proxy)
{
    static const struct {
        const char *scheme;
        bool http;
        unsigned port;
    } schemes[] = {
        {"socks5h://", false, 1080}, {"socks5://", false, 1080}, {"http://", true, 8080}};
    *proxy = (struct dns_proxy){.http = false};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].scheme);
        if (strncmp(setting, schemes[i].scheme, length) == 0) {
            const char *text = setting + length;
            proxy->http = schemes[i].http;
            bool good = login_take(&text, proxy) && host_take(text, proxy, schemes[i].port);
            return good ? ECH_OK : ECH_ERR_DECODE;
        }
    }
    return ECH_ERR_DECODE;
}

/* ---- SOCKS5 ---- */

static void put_octets(struct writer *out, const void *octets, size_t length)
{
    wr_bytes(out, bytes_of(octets, length));
}

static void put_short(struct writer *out, const char *text)
{
    wr_u8(out, (uint8_t)strlen(text));
    put_octets(out, text, strlen(text));
}

static void socks_greet(const struct dns_proxy *proxy, struct writer *out)
{
    wr_u8(out, SOCKS_VERSION);
    wr_u8(out, 1);
    wr_u8(out, proxy->user[0] != '\0' ? SOCKS_PASSWORD : SOCKS_NO_LOGIN);
}

static void socks_connect(const struct dns_proxy_target *target, struct writer *out)
{
    wr_u8(out, SOCKS_VERSION);
    wr_u8(out, SOCKS_CONNECT);
    wr_u8(out, 0);
    if (target->name != NULL) {
        wr_u8(out, SOCKS_NAME);
        put_short(out, target->name);
    } else if (target->address->any.sa_family == AF_INET) {
        wr_u8(out, SOCKS_IPV4);
        put_octets(out, &target->address->v4.sin_addr, 4);
    } else {
        wr_u8(out, SOCKS_IPV6);
        put_octets(out, &target->address->v6.sin6_addr, 16);
    }
    wr_u16(out, target->port);
}

/* The length of a whole reply; 0: more octets are needed. */
static size_t socks_reply_length(struct bytes in)
{
    size_t address = 0;
    if (in.len < 5) {
        return 0;
    }
    switch (in.data[3]) {
    case SOCKS_IPV4:
        address = 4;
        break;
    case SOCKS_IPV6:
        address = 16;
        break;
    default:
        address = 1U + in.data[4];
        break;
    }
    return in.len >= 4 + address + 2 ? 4 + address + 2 : 0;
}

static enum dns_proxy_stage socks_step(const struct dns_proxy *proxy,
                                       const struct dns_proxy_target *target,
                                       enum dns_proxy_stage stage, struct bytes in, size_t *used,
                                       struct writer *out)
{
    if (stage == DNS_PROXY_START) {
        socks_greet(proxy, out);
        return DNS_PROXY_METHOD;
    }
    if (stage == DNS_PROXY_REPLY) {
        *used = socks_reply_length(in);
        bool bad = in.len >= 2 && (in.data[0] != SOCKS_VERSION || in.data[1] != 0);
        bool more = in.len > *used && *used > 0;
        return bad || more ? DNS_PROXY_FAILED : *used > 0 ? DNS_PROXY_OPEN : stage;
    }
    if (in.len < 2) {
        return stage;
    }
    *used = 2;
    if (stage == DNS_PROXY_LOGIN) {
        if (in.data[1] != 0) {
            return DNS_PROXY_FAILED;
        }
    } else if (in.data[0] != SOCKS_VERSION ||
               in.data[1] != (proxy->user[0] != '\0' ? SOCKS_PASSWORD : SOCKS_NO_LOGIN)) {
        return DNS_PROXY_FAILED;
    } else if (proxy->user[0] != '\0') {
        wr_u8(out, 1);
        put_short(out, proxy->user);
        put_short(out, proxy->password);
        return DNS_PROXY_LOGIN;
    }
    socks_connect(target, out);
    return DNS_PROXY_REPLY;
}

/* ---- HTTP ---- */

static void put_text(struct writer *out, const char *text)
{
    put_octets(out, text, strlen(text));
}

static void put_base64(struct writer *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i += 3) {
        uint32_t three = (uint32_t)(uint8_t)text[i] << 16;
        three |= i + 1 < length ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
        three |= i + 2 < length ? (uint32_t)(uint8_t)text[i + 2] : 0;
        wr_u8(out, (uint8_t)digits[three >> 18]);
        wr_u8(out, (uint8_t)digits[three >> 12 & 63]);
        wr_u8(out, (uint8_t)(i + 1 < length ? digits[three >> 6 & 63] : '='));
        wr_u8(out, (uint8_t)(i + 2 < length ? digits[three & 63] : '='));
    }
}

static void http_connect(const struct dns_proxy *proxy, const struct dns_proxy_target *target,
                         struct writer *out)
{
    char address[DNS_ADDRESS_TEXT];
    char authority[DNS_HOST_SIZE + 16];
    char request[TEXT_SIZE];
    const char *host = target->name;
    if (host == NULL) {
        dns_address_format(target->address, address, sizeof address);
        host = address;
    }
    (void)snprintf(authority, sizeof authority, "%s:%u", host, target->port);
    (void)snprintf(request, sizeof request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", authority,
                   authority);
    put_text(out, request);
    if (proxy->user[0] != '\0') {
        char login[2 * DNS_PROXY_WORD];
        (void)snprintf(login, sizeof login, "%s:%s", proxy->user, proxy->password);
        put_text(out, "Proxy-Authorization: Basic ");
        put_base64(out, login);
        put_text(out, "\r\n");
    }
    put_text(out, "\r\n");
}

static enum dns_proxy_stage http_step(const struct dns_proxy *proxy,
                                      const struct dns_proxy_target *target,
                                      enum dns_proxy_stage stage, struct bytes in, size_t *used,
                                      struct writer *out)
{
    if (stage == DNS_PROXY_START) {
        http_connect(proxy, target, out);
        return DNS_PROXY_REPLY;
    }
    const uint8_t *end = in.len > 0 ? memmem(in.data, in.len, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        return in.len > HEAD_MAX ? DNS_PROXY_FAILED : stage;
    }
    *used = (size_t)(end - in.data) + 4;
    /* "HTTP/1.1 200": the resolver says nothing before we do, so nothing may follow. */
    bool good = *used == in.len && in.len > 12 && memcmp(in.data, "HTTP/1.", 7) == 0 &&
                in.data[8] == ' ' && in.data[9] == '2';
    return good ? DNS_PROXY_OPEN : DNS_PROXY_FAILED;
}

enum dns_proxy_stage dns_proxy_step(const struct dns_proxy *proxy,
                                    const struct dns_proxy_target *target,
                                    enum dns_proxy_stage stage, struct bytes in, size_t *used,
                                    struct writer *out)
{
    *used = 0;
    return proxy->http ? http_step(proxy, target, stage, in, used, out)
                       : socks_step(proxy, target, stage, in, used, out);
}
