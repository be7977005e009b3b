/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests to proxies. A finished request stays finished, the target is the same however the stream
 * is cut, and "CONNECT host:port" is always recognised.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/stub/proxy_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The request follows some other stream: what the reader saw before must not hide it. */
static void check_request_after(struct shim_proxy_reader reader)
{
    static const char request[] = "CONNECT a:443 HTTP/1.1\r\n\r\n";
    struct shim_proxy_target target = {0};
    bool told = false;
    for (size_t i = 0; i < sizeof request - 1; i++) {
        told = shim_proxy_read(&reader, (uint8_t)request[i], &target) == SHIM_PROXY_TARGET || told;
    }
    require(told && target.port_known && target.port == 443 &&
            target.host == shim_proxy_host_hash("a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shim_proxy_reader reader = {0};
    size_t header;
    uint16_t port;
    bool over = false;
    if (shim_proxy_datagram(data, size, &header, &port)) {
        require(header <= size && header <= SHIM_PROXY_DATAGRAM_HEADER_MAX);
        require(port == (uint16_t)(data[header - 2] << 8 | data[header - 1]));
    }
    for (size_t i = 0; i < size; i++) {
        struct shim_proxy_target target = {0};
        bool may_begin = reader.phase != 0 || shim_proxy_may_begin(data[i]);
        enum shim_proxy_event event = shim_proxy_read(&reader, data[i], &target);
        require(!over || event == SHIM_PROXY_OVER);
        require(may_begin || event == SHIM_PROXY_OVER);
        require(event != SHIM_PROXY_TARGET || target.port_known || target.port == 0);
        over = over || event == SHIM_PROXY_OVER || event == SHIM_PROXY_UNREAD;
        if (reader.phase == 0) {
            check_request_after(reader);
        }
    }
    return 0;
}
