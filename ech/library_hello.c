/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/library_hello.h"

void ech_library_hello_init(struct ech_library_hello *made)
{
    wr_init(&made->outer, 0);
    wr_init(&made->encoded, 0);
    wr_init(&made->sealed_to, 0);
}

void ech_library_hello_wipe(struct ech_library_hello *made)
{
    wr_wipe(&made->outer);
    wr_wipe(&made->encoded);
    wr_wipe(&made->sealed_to);
}

size_t ech_library_hello_length(const struct ech_library_hello *made)
{
    struct ech_client_hello outer;
    struct ech_ech_client_hello ech = {.payload = bytes_of(NULL, 0)};
    if (ech_client_hello_parse(wr_view(&made->outer), &outer) != ECH_OK) {
        return 0;
    }
    const struct ech_extension *extension =
        ech_client_hello_find(&outer, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    if (extension == NULL || ech_ech_client_hello_parse(extension->data, &ech) != ECH_OK ||
        ech.payload.len < ECH_AEAD_TAG) {
        return 0;
    }
    return ech.payload.len - ECH_AEAD_TAG;
}

static bool fits(const struct ech_extension *extension, const struct ech_client_hello *inner,
                 struct ech_outer_plan plan)
{
    const struct ech_extension *same = ech_client_hello_find(inner, extension->type);
    bool equal = same != NULL && bytes_equal(same->data, extension->data);
    switch (extension->type) {
    case ECH_EXT_ENCRYPTED_CLIENT_HELLO:
        return true;
    case ECH_EXT_SERVER_NAME:
        /* If they are equal, ech_outer_extensions may stand for it. */
        return !equal;
    case ECH_EXT_PRE_SHARED_KEY:
        return same != NULL && !equal;
    case ECH_EXT_KEY_SHARE:
        return equal;
    default:
        /* The mirror leaves it out, as NSS's padding of its second hello. */
        return same == NULL || ech_outer_copies(extension, plan);
    }
}

static bool in_both_or_none(const struct ech_client_hello *outer,
                            const struct ech_client_hello *inner, uint16_t type)
{
    return (ech_client_hello_find(outer, type) == NULL) ==
           (ech_client_hello_find(inner, type) == NULL);
}

static bool same_in_both(const struct ech_client_hello *outer, const struct ech_client_hello *inner,
                         uint16_t type)
{
    const struct ech_extension *one = ech_client_hello_find(outer, type);
    const struct ech_extension *other = ech_client_hello_find(inner, type);
    return one != NULL && other != NULL && bytes_equal(one->data, other->data);
}

bool ech_library_hello_is_pattern(const struct ech_client_hello *outer,
                                  const struct ech_client_hello *inner, struct ech_outer_plan plan)
{
    if (outer->legacy_version != inner->legacy_version ||
        !bytes_equal(outer->legacy_session_id, inner->legacy_session_id) ||
        !bytes_equal(outer->legacy_compression_methods, inner->legacy_compression_methods)) {
        return false;
    }
    if (plan.share != ECH_OUTER_SHARE_OWN && !same_in_both(outer, inner, ECH_EXT_KEY_SHARE)) {
        return false;
    }
    /*
     * Who could authenticate the server after a rejection without public_name? A session must be
     * hidden by a GREASE PSK (RFC 9849, 6.1.2), and early data is offered in both hellos or in none
     * (6.1): OpenSSL 4.0 still offers it in the outer hello after a HelloRetryRequest.
     */
    return ech_client_hello_find(outer, ECH_EXT_SERVER_NAME) != NULL &&
           (ech_client_hello_find(outer, ECH_EXT_PRE_SHARED_KEY) == NULL ||
            ech_client_hello_find(inner, ECH_EXT_PRE_SHARED_KEY) != NULL) &&
           in_both_or_none(outer, inner, ECH_EXT_EARLY_DATA);
}

bool ech_library_hello_fits(const struct ech_client_hello *outer,
                            const struct ech_client_hello *inner, struct ech_outer_plan plan)
{
    for (size_t i = 0; i < outer->extension_count; i++) {
        if (!fits(&outer->extensions[i], inner, plan)) {
            return false;
        }
    }
    return plan.share != ECH_OUTER_SHARE_OWN && ech_library_hello_is_pattern(outer, inner, plan);
}
