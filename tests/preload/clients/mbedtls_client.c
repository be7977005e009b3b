/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of Mbed TLS 2.28 and 3.x: with its own functions for sockets, and with octets that the
 * program moves itself. */
#include "client.h"

#include <errno.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_source;
static mbedtls_x509_crt anchors;
static mbedtls_ssl_config config;
static mbedtls_ssl_context ssl;

static void set_up(const struct target *target)
{
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_source);
    mbedtls_x509_crt_init(&anchors);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_init(&ssl);
    if (mbedtls_ctr_drbg_seed(&random_source, mbedtls_entropy_func, &entropy, NULL, 0) != 0 ||
        mbedtls_x509_crt_parse_file(&anchors, target->ca) != 0 ||
        mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        fail("no Mbed TLS");
    }
    mbedtls_ssl_conf_ca_chain(&config, &anchors, NULL);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random_source);
    if (mbedtls_ssl_setup(&ssl, &config) != 0 ||
        mbedtls_ssl_set_hostname(&ssl, target->host) != 0) {
        fail("no session");
    }
}

static void shake_hands(void)
{
    int result = mbedtls_ssl_handshake(&ssl);
    if (result != 0) {
        fail("mbedtls_ssl_handshake: -0x%04x", (unsigned)-result);
    }
}

static void exchange(const struct target *target)
{
    char request[512];
    unsigned char chunk[1000];
    struct response response = {.len = 0};
    int got;
    size_t length = make_request(target, request, sizeof request);
    got = mbedtls_ssl_write(&ssl, (unsigned char *)request, length);
    if (got != (int)length) {
        fail("mbedtls_ssl_write: -0x%04x", (unsigned)-got);
    }
    while ((got = mbedtls_ssl_read(&ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    response_check(&response, target);
}

static void by_sockets(const struct target *target)
{
    mbedtls_net_context net;
    set_up(target);
    net.fd = dial(target);
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    shake_hands();
    exchange(target);
    close(net.fd);
}

/* Without mbedtls_ssl_handshake: the first write makes the handshake. */
static void by_writing(const struct target *target)
{
    mbedtls_net_context net;
    set_up(target);
    net.fd = dial(target);
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    exchange(target);
    close(net.fd);
}

/* ---- the program moves the octets ---- */

static unsigned char waiting[8192];
static size_t waiting_length;

static int keep(void *fd, const unsigned char *data, size_t size)
{
    (void)fd;
    if (size > sizeof waiting - waiting_length) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    memcpy(waiting + waiting_length, data, size);
    waiting_length += size;
    return (int)size;
}

static int give(void *fd, unsigned char *data, size_t size)
{
    struct pollfd wait = {.fd = *(int *)fd, .events = POLLIN};
    if (waiting_length > 0 || poll(&wait, 1, 0) != 1) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    return (int)read(*(int *)fd, data, size);
}

static void move(int fd)
{
    if (waiting_length > 0 && write(fd, waiting, waiting_length) != (ssize_t)waiting_length) {
        fail("write: %s", strerror(errno));
    }
    waiting_length = 0;
    (void)await(fd, POLLIN);
}

static void by_memory(const struct target *target)
{
    char request[512];
    unsigned char chunk[1000];
    struct response response = {.len = 0};
    int result;
    set_up(target);
    int fd = dial(target);
    mbedtls_ssl_set_bio(&ssl, &fd, keep, give, NULL);
    while ((result = mbedtls_ssl_handshake(&ssl)) == MBEDTLS_ERR_SSL_WANT_READ) {
        move(fd);
    }
    if (result != 0) {
        fail("mbedtls_ssl_handshake: -0x%04x", (unsigned)-result);
    }
    size_t length = make_request(target, request, sizeof request);
    result = mbedtls_ssl_write(&ssl, (unsigned char *)request, length);
    do {
        move(fd);
        while ((result = mbedtls_ssl_read(&ssl, chunk, sizeof chunk)) > 0) {
            response_add(&response, chunk, (size_t)result);
        }
    } while (result == MBEDTLS_ERR_SSL_WANT_READ);
    response_check(&response, target);
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"sockets", by_sockets}, {"writing", by_writing}, {"memory", by_memory}, {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
