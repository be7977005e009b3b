/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of BearSSL, which knows TLS 1.2 alone. It takes any certificate: only the hello is of
 * interest. */
#include "client.h"

#include <bearssl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void run(const struct target *target)
{
    static br_ssl_client_context client;
    static br_x509_minimal_context x509;
    static unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
    size_t length;
    unsigned char *octets;
    int fd = dial(target);
    br_ssl_client_init_full(&client, &x509, NULL, 0);
    br_ssl_engine_set_buffer(&client.eng, buffer, sizeof buffer, 1);
    if (br_ssl_client_reset(&client, target->host, 0) != 1) {
        fail("br_ssl_client_reset: error %d", br_ssl_engine_last_error(&client.eng));
    }
    octets = br_ssl_engine_sendrec_buf(&client.eng, &length);
    if (octets == NULL || write(fd, octets, length) != (ssize_t)length) {
        fail("the hello cannot be written: %s", strerror(errno));
    }
    char answer;
    if (read(fd, &answer, 1) != 1 || (answer != 0x15 && answer != 0x16)) {
        fail("no answer");
    }
    printf("answered\n");
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"hello", run}, {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
