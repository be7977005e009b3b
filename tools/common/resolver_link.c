/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/resolver_link.h"

#include <gnutls/x509.h>
#include <stdlib.h>

#include "dns/encrypted/channel.h"

enum { CHAIN_MAX = 16 };

/* There is one for the whole program. */
static gnutls_x509_trust_list_t trust;

static bool is_for(gnutls_x509_crt_t leaf, const char *name, struct bytes address)
{
    if (*name != '\0') {
        return gnutls_x509_crt_check_hostname2(leaf, name, GNUTLS_VERIFY_DO_NOT_ALLOW_IP_MATCHES) !=
               0;
    }
    return gnutls_x509_crt_check_ip(leaf, address.data, (unsigned)address.len, 0) != 0;
}

static bool is_trusted(gnutls_x509_crt_t *chain, unsigned count)
{
    static char server[] = GNUTLS_KP_TLS_WWW_SERVER;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)server};
    unsigned status;
    return gnutls_x509_trust_list_verify_crt2(trust, chain, count, &purpose, 1,
                                              GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM),
                                              &status, NULL) == 0 &&
           status == 0;
}

static bool verify(void *context, const struct bytes *certificates, size_t count, const char *name,
                   struct bytes address)
{
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned imported = 0;
    (void)context;
    for (; imported < count && imported < CHAIN_MAX; imported++) {
        gnutls_datum_t der = {.data = (unsigned char *)(uintptr_t)certificates[imported].data,
                              .size = (unsigned)certificates[imported].len};
        if (gnutls_x509_crt_init(&chain[imported]) != 0) {
            break;
        }
        if (gnutls_x509_crt_import(chain[imported], &der, GNUTLS_X509_FMT_DER) != 0) {
            gnutls_x509_crt_deinit(chain[imported]);
            break;
        }
    }
    bool good = imported == count && imported > 0 && is_trusted(chain, imported) &&
                is_for(chain[0], name, address);
    while (imported > 0) {
        gnutls_x509_crt_deinit(chain[--imported]);
    }
    return good;
}

/* There is one for the whole program. */
static struct dns_proxy proxy;

struct dns_channels resolver_link_new(const struct dns_resolver *resolver, const char *ca_file,
                                      const char *through)
{
    const struct dns_channel_options options = {
        .library = &dns_tls_linked,
        .verifier = {.verify = verify},
        .proxy = through != NULL ? &proxy : NULL,
        .getaddrinfo = getaddrinfo,
        .freeaddrinfo = freeaddrinfo,
    };
    struct dns_channels channels = {.count = resolver->secure_count};
    if (channels.count == 0 || gnutls_x509_trust_list_init(&trust, 0) != 0) {
        return channels;
    }
    if (ca_file != NULL) {
        (void)gnutls_x509_trust_list_add_trust_file(trust, ca_file, NULL, GNUTLS_X509_FMT_PEM, 0,
                                                    0);
    } else {
        (void)gnutls_x509_trust_list_add_system_trust(trust, 0, 0);
    }
    if (through != NULL && dns_proxy_parse(through, &proxy) != ECH_OK) {
        return channels; /* nobody is asked past it */
    }
    for (size_t i = 0; i < channels.count; i++) {
        channels.each[i] = dns_channel_new(&resolver->secure[i], &dns_io_libc, &options);
    }
    return channels;
}

void resolver_link_free(const struct dns_channels *channels)
{
    for (size_t i = 0; i < channels->count; i++) {
        dns_channel_free(channels->each[i]);
    }
    if (trust != NULL) {
        gnutls_x509_trust_list_deinit(trust, 1);
        trust = NULL;
    }
}
