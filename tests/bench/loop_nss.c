/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"
#include "tests/preload/clients/nss_client.h"

#include <nssb64.h>
#include <private/pprio.h>
#include <secitem.h>
#include <sslexp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SECItem *ech_config_list;

/* LOOP_ECH_CONFIG_LIST: Base64 of the ECHConfigList that the program itself uses. */
static void read_config_list(void)
{
    const char *base64 = getenv("LOOP_ECH_CONFIG_LIST");
    if (base64 != NULL && *base64 != '\0') {
        ech_config_list = NSSBase64_DecodeBuffer(NULL, NULL, base64, (unsigned)strlen(base64));
        if (ech_config_list == NULL) {
            loop_fail("reading LOOP_ECH_CONFIG_LIST");
        }
    }
}

static void handshake(const struct loop_target *target, int fd)
{
    /* NSPR closes its descriptor, and the loop its own. */
    PRFileDesc *file = SSL_ImportFD(NULL, PR_ImportTCPSocket(dup(fd)));
    if (file == NULL || SSL_OptionSet(file, SSL_NO_CACHE, PR_TRUE) != SECSuccess ||
        SSL_ResetHandshake(file, PR_FALSE) != SECSuccess ||
        SSL_SetURL(file, target->server_name) != 0) {
        fail_nss("SSL_ImportFD");
    }
    if (ech_config_list != NULL &&
        SSL_SetClientEchConfigs(file, ech_config_list->data, ech_config_list->len) != SECSuccess) {
        fail_nss("SSL_SetClientEchConfigs");
    }
    if (SSL_ForceHandshake(file) != SECSuccess) {
        fail_nss("SSL_ForceHandshake");
    }
    PR_Close(file);
}

int main(int argc, char **argv)
{
    struct loop_target target = {.handshake = handshake};
    loop_open(&target, argc, argv);
    start_nss(&(struct target){.ca = target.ca});
    read_config_list();
    return loop_run(&target, argv);
}
