/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/offer.h"

#include <stdlib.h>

#include "ech/grease_psk.h"
#include "ech/sender.h"

/* On the stack, for what a usual hello needs; larger ones are allocated. A copied key_share of
 * ML-KEM-768 alone has 1,216 octets and more. */
enum { LARGE_ROOM = 2048, ROOM = 512, SMALL_ROOM = 256 };

void ech_offer_init(struct ech_offer *offer)
{
    *offer = (struct ech_offer){.config_id = 0};
    wr_init(&offer->pre_shared_key, 0);
}

void ech_offer_drop_own_shares(struct ech_offer *offer)
{
    if (offer->own != NULL) {
        ech_own_key_shares_wipe(offer->own);
        free(offer->own);
        offer->own = NULL;
    }
}

void ech_offer_wipe(struct ech_offer *offer)
{
    wr_wipe(&offer->pre_shared_key);
    ech_offer_drop_own_shares(offer);
    ech_hpke_wipe(&offer->hpke);
    ech_offer_init(offer);
}

static enum ech_status copy_choice(struct ech_offer *offer, const struct ech_config_choice *choice)
{
    struct reader public_name = rd_of(choice->config.public_name);
    offer->suite = choice->suite;
    offer->config_id = choice->config.config_id;
    offer->maximum_name_length = choice->config.maximum_name_length;
    offer->public_name_length = public_name.len;
    if (public_name.len > sizeof offer->public_name ||
        !rd_copy(&public_name, offer->public_name, public_name.len)) {
        return ECH_ERR_DECODE;
    }
    return ECH_OK;
}

static struct bytes server_name_of(const struct ech_offer *offer,
                                   const struct ech_exchange_options *options)
{
    return options->outer_name.len > 0 ? options->outer_name
                                       : bytes_of(offer->public_name, offer->public_name_length);
}

static struct ech_outer_plan plan_of(const struct ech_client_hello *inner,
                                     const struct ech_exchange_options *options,
                                     enum ech_outer_share share)
{
    return (struct ech_outer_plan){.share = share,
                                   .ordinary = ech_ordinary_differs(&options->ordinary, inner)};
}

/* No length tells more than that of a hello with GREASE (ech/grease.h). */
static enum ech_status floor_of(const struct ech_client_hello *inner,
                                const struct ech_exchange_options *options,
                                struct ech_outer_plan plan, size_t *floor)
{
    const struct ech_extension *psk = ech_client_hello_find(inner, ECH_EXT_PRE_SHARED_KEY);
    const struct ech_hello_sizes *sizes = &options->sizes;
    const struct ech_hello_size *size = plan.ordinary ? &sizes->ordinary : &sizes->copied;
    struct bytes host_name;
    enum ech_status status = ech_client_hello_server_name(inner, &host_name);
    if (status != ECH_OK) {
        return status;
    }
    if (plan.share == ECH_OUTER_SHARE_OWN) {
        size = &sizes->own;
    }
    struct ech_hello_parts parts = {.host_name = host_name.len,
                                    .pre_shared_key = options->least_pre_shared_key,
                                    .cipher_suites = inner->cipher_suites.len,
                                    .alpn = options->alpn};
    if (psk != NULL && psk->raw.len > parts.pre_shared_key) {
        parts.pre_shared_key = psk->raw.len;
    }
    *floor = ech_hello_floor(size, &parts);
    if (*floor > ECH_ENCODED_MAX && plan.share != ECH_OUTER_SHARE_OWN) {
        *floor = ECH_ENCODED_MAX;
    }
    return ECH_OK;
}

/* What ClientHelloOuter is made from. */
struct origin {
    const struct ech_client_hello *inner;
    const struct ech_client_hello *pattern; /* the inner hello, or the library's outer one */
    const struct ech_library_hello *made;   /* NULL or empty: no library sealed the inner hello */
    bool resealed;                          /* its encoding serves */
};

static bool was_made(const struct ech_library_hello *made)
{
    return made != NULL && wr_view(&made->outer).len > 0;
}

static enum ech_status encode_inner(const struct ech_offer *offer, const struct origin *origin,
                                    const struct ech_exchange_options *options,
                                    struct ech_outer_plan plan, struct writer *encoded)
{
    const struct ech_client_hello *inner = origin->inner;
    struct ech_padding padding = {.maximum_name_length = offer->maximum_name_length};
    enum ech_status status = floor_of(inner, options, plan, &padding.floor);
    if (options->sizes.library_name_length > 0 && was_made(origin->made)) {
        padding.floor = ech_library_hello_length(origin->made);
        padding.beside = padding.floor % 32;
    }
    if (status == ECH_OK && origin->resealed) {
        wr_bytes(encoded, wr_view(&origin->made->encoded));
        status = ech_pad_inner(inner, &padding, encoded);
    } else if (status == ECH_OK) {
        struct ech_run run = ech_outer_run(inner, origin->pattern, plan);
        status = ech_encode_inner(inner, run, &padding, encoded);
    }
    if (status != ECH_OK) {
        return status;
    }
    return wr_view(encoded).len > ECH_ENCODED_MAX ? ECH_ERR_SPACE : ECH_OK;
}

/*
 * How to make key_share. The best is a copy whose keys are all known: it costs nothing, and every
 * outer handshake can be finished. With an own share it can be finished too. If only some keys are
 * known, that depends on what the server chooses.
 */
static enum ech_outer_share choose_share(const struct ech_client_hello *inner,
                                         const struct ech_exchange_options *options)
{
    if (options->key_share_rule != ECH_KEY_SHARE_AUTO) {
        return options->key_share_rule == ECH_KEY_SHARE_OWN ? ECH_OUTER_SHARE_OWN
                                                            : ECH_OUTER_SHARE_SHARED;
    }
    enum ech_keys_known known = ech_program_keys_known(&options->program_keys, inner);
    if (known == ECH_KEYS_ALL) {
        return ECH_OUTER_SHARE_PROGRAM;
    }
    if (ech_own_key_shares_possible(inner)) {
        return ECH_OUTER_SHARE_OWN;
    }
    return known == ECH_KEYS_SOME ? ECH_OUTER_SHARE_PROGRAM : ECH_OUTER_SHARE_SHARED;
}

/*
 * Finds out whether the outer hello can be made in the likeness of the library's, and whether the
 * library's encoding serves. *outer is then the library's hello. If other lists are known, the
 * library did not make its own as the ordinary hello is.
 */
static void find_pattern(struct origin *origin, struct ech_client_hello *outer,
                         struct ech_outer_plan plan)
{
    bool like = was_made(origin->made) && !plan.ordinary &&
                ech_client_hello_parse(wr_view(&origin->made->outer), outer) == ECH_OK &&
                ech_library_hello_is_pattern(outer, origin->inner, plan);
    origin->pattern = like ? outer : origin->inner;
    origin->resealed = like && ech_library_hello_fits(outer, origin->inner, plan);
}

/* Decides how to make key_share, and encodes the inner hello accordingly. *outer as above. */
static enum ech_status choose_and_encode(struct ech_offer *offer, struct origin *origin,
                                         const struct ech_exchange_options *options,
                                         struct ech_client_hello *outer, struct writer *encoded)
{
    offer->share = choose_share(origin->inner, options);
    struct ech_outer_plan plan = plan_of(origin->inner, options, offer->share);
    find_pattern(origin, outer, plan);
    enum ech_status status = encode_inner(offer, origin, options, plan, encoded);
    if (status == ECH_ERR_SPACE && origin->resealed) {
        /* The library's encoding may stand for fewer extensions than ours. */
        wr_wipe(encoded);
        origin->resealed = false;
        status = encode_inner(offer, origin, options, plan, encoded);
    }
    if (status == ECH_ERR_SPACE && offer->share == ECH_OUTER_SHARE_OWN &&
        options->key_share_rule == ECH_KEY_SHARE_AUTO) {
        wr_wipe(encoded);
        offer->share = ECH_OUTER_SHARE_SHARED;
        plan = plan_of(origin->inner, options, offer->share);
        find_pattern(origin, outer, plan);
        status = encode_inner(offer, origin, options, plan, encoded);
    }
    offer->resealed = origin->resealed;
    offer->like_library = origin->pattern == outer;
    return status;
}

/* The extension data of pre_shared_key: a GREASE PSK wherever the inner hello has a PSK. */
static struct bytes pre_shared_key_for(const struct ech_offer *offer,
                                       const struct ech_client_hello *inner)
{
    return ech_client_hello_find(inner, ECH_EXT_PRE_SHARED_KEY) != NULL
               ? wr_view(&offer->pre_shared_key)
               : bytes_of(NULL, 0);
}

/* The whole handshake message, with a payload that is sealed already. */
static enum ech_status write_sealed(const struct ech_outer_hello *outer, struct bytes payload,
                                    struct writer *client_hello_outer)
{
    wr_reserve(client_hello_outer, ech_outer_size(outer, payload.len));
    wr_u8(client_hello_outer, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark mark = wr_open(client_hello_outer, 3);
    enum ech_status status = ech_outer_encode(outer, payload, client_hello_outer);
    wr_close(client_hello_outer, mark);
    return status == ECH_OK ? wr_finish(client_hello_outer) : status;
}

/* What goes into encrypted_client_hello. */
struct contents {
    struct bytes enc;
    struct bytes encoded; /* to be sealed */
    struct bytes payload; /* or sealed already */
};

/* Makes the outer hello like the inner one, or like the library's outer one, and seals the inner's
 * encoding. `key_share` is empty if it is shared. */
static enum ech_status mirror_and_seal(struct ech_offer *offer,
                                       const struct ech_client_hello *pattern,
                                       const struct ech_outer_fields *fields, bool padded,
                                       const struct contents *contents,
                                       struct writer *client_hello_outer)
{
    size_t sealed =
        contents->payload.len > 0 ? contents->payload.len : contents->encoded.len + ECH_AEAD_TAG;
    struct writer suites;
    struct writer before;
    struct writer after;
    uint8_t suites_room[SMALL_ROOM];
    uint8_t before_room[LARGE_ROOM];
    uint8_t after_room[LARGE_ROOM];
    wr_init_on(&suites, 0, suites_room, sizeof suites_room);
    wr_init_on(&before, 0, before_room, sizeof before_room);
    wr_init_on(&after, 0, after_room, sizeof after_room);
    enum ech_status status = ech_outer_mirror(pattern, fields, &before, &after);
    if (fields->pre_shared_key.len > 0 &&
        ech_client_hello_find(pattern, ECH_EXT_PRE_SHARED_KEY) == NULL) {
        /* BoringSSL's own outer hello has none, but its ordinary hello has. */
        ech_extension_write(&after, ECH_EXT_PRE_SHARED_KEY, fields->pre_shared_key);
    }
    if (status == ECH_OK && fields->plan.ordinary) {
        ech_ordinary_suites_write(fields->ordinary, pattern, &suites);
        status = wr_finish(&suites);
    }
    if (status == ECH_OK) {
        struct ech_outer_hello outer = {
            .legacy_version = pattern->legacy_version,
            .random = bytes_of(offer->random, sizeof offer->random),
            .legacy_session_id = pattern->legacy_session_id,
            .cipher_suites = fields->plan.ordinary ? wr_view(&suites) : pattern->cipher_suites,
            .legacy_compression_methods = pattern->legacy_compression_methods,
            .extensions_before = wr_view(&before),
            .extensions_after = wr_view(&after),
            .suite = offer->suite,
            .config_id = offer->config_id,
            .enc = contents->enc,
        };
        if (padded) {
            size_t octets = ech_outer_size(&outer, sealed);
            status = ech_outer_pad(pattern, fields, octets, &after);
            outer.extensions_after = wr_view(&after);
        }
        if (status == ECH_OK && contents->payload.len > 0) {
            status = write_sealed(&outer, contents->payload, client_hello_outer);
        } else if (status == ECH_OK) {
            status = ech_outer_seal(&outer, &offer->hpke, contents->encoded, client_hello_outer);
        }
    }
    wr_free(&suites);
    wr_free(&before);
    wr_free(&after);
    return status;
}

/* The random parts of the first outer hello. */
static enum ech_status make_random_parts(struct ech_offer *offer,
                                         const struct ech_client_hello *inner,
                                         const struct ech_random *random, struct writer *key_share)
{
    const struct ech_extension *psk = ech_client_hello_find(inner, ECH_EXT_PRE_SHARED_KEY);
    /* RFC 9849, 6.1 rule 4: a random of its own. */
    enum ech_status status = ech_random_fill(random, offer->random, sizeof offer->random);
    if (status == ECH_OK && psk != NULL) {
        status = ech_grease_psk(psk->data, random, &offer->pre_shared_key);
    }
    if (status == ECH_OK && offer->share == ECH_OUTER_SHARE_OWN) {
        ech_offer_drop_own_shares(offer);
        offer->own = calloc(1, sizeof *offer->own);
        status = offer->own != NULL ? ech_own_key_shares_make(inner, random, offer->own, key_share)
                                    : ECH_ERR_NOMEM;
    }
    return status;
}

/* ---- a hello that the library has sealed to the server's config ---- */

/* The library's ECHClientHello, if it is for this choice and holds this encoding. */
static bool sealed_for(const struct origin *origin, const struct ech_client_hello *outer,
                       const struct ech_config_choice *choice, struct bytes encoded,
                       struct ech_ech_client_hello *ech)
{
    const struct ech_extension *extension =
        ech_client_hello_find(outer, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    return extension != NULL && ech_ech_client_hello_parse(extension->data, ech) == ECH_OK &&
           ech->type == ECH_CLIENT_HELLO_OUTER && ech->payload.len == encoded.len + ECH_AEAD_TAG &&
           bytes_equal(wr_view(&origin->made->sealed_to), choice->config.raw);
}

/*
 * Takes the library's ClientHelloOuter as it is. Its payload is sealed with all the rest of it, so
 * it serves if the mirror with that payload has the very same octets. False: it does not.
 */
static bool take_librarys(struct ech_offer *offer, const struct origin *origin,
                          const struct ech_client_hello *outer,
                          const struct ech_config_choice *choice,
                          const struct ech_exchange_options *options, struct bytes encoded,
                          struct writer *client_hello_outer)
{
    struct ech_ech_client_hello ech = {.payload = bytes_of(NULL, 0)};
    struct reader random = rd_of(outer->random);
    /* A PSK of the library's outer hello is not the one that ours would have. */
    if (ech_client_hello_find(origin->inner, ECH_EXT_PRE_SHARED_KEY) != NULL ||
        !sealed_for(origin, outer, choice, encoded, &ech) ||
        !rd_copy(&random, offer->random, sizeof offer->random)) {
        return false;
    }
    const struct ech_outer_fields fields = {.server_name = server_name_of(offer, options),
                                            .plan = plan_of(origin->inner, options, offer->share),
                                            .ordinary = &options->ordinary};
    const struct contents contents = {.enc = ech.enc, .payload = ech.payload};
    enum ech_status status =
        mirror_and_seal(offer, outer, &fields, options->sizes.padded != ECH_PADDED_NONE, &contents,
                        client_hello_outer);
    offer->by_library =
        status == ECH_OK && bytes_equal(wr_view(client_hello_outer), wr_view(&origin->made->outer));
    if (!offer->by_library) {
        wr_free(client_hello_outer);
    }
    return offer->by_library;
}

/* The second hello to the same HPKE context, which only the library has: no other one is possible.
 * Like the first one it must not show the inner name. */
static enum ech_status take_librarys_second(const struct ech_offer *offer,
                                            const struct ech_library_hello *made,
                                            const struct ech_exchange_options *options,
                                            struct writer *client_hello_outer)
{
    struct ech_client_hello outer;
    struct bytes name;
    if (made == NULL || wr_view(&made->sealed_to).len == 0 ||
        ech_client_hello_parse(wr_view(&made->outer), &outer) != ECH_OK ||
        ech_client_hello_server_name(&outer, &name) != ECH_OK ||
        !bytes_equal(name, server_name_of(offer, options)) ||
        !bytes_equal(outer.random, bytes_of(offer->random, sizeof offer->random))) {
        return ECH_ERR_ILLEGAL;
    }
    wr_bytes(client_hello_outer, wr_view(&made->outer));
    return wr_finish(client_hello_outer);
}

/* ---- the two hellos ---- */

enum ech_status ech_offer_first(struct ech_offer *offer, const struct ech_client_hello *inner,
                                const struct ech_library_hello *made,
                                const struct ech_config_choice *choice,
                                const struct ech_exchange_options *options,
                                struct writer *client_hello_outer)
{
    struct writer encoded;
    struct writer key_share;
    struct ech_client_hello outer;
    struct origin origin = {.inner = inner, .made = made};
    uint8_t enc[ECH_HPKE_ENC_MAX];
    uint8_t room[ROOM];
    wr_init_on(&encoded, 0, room, sizeof room);
    uint8_t key_share_room[SMALL_ROOM];
    wr_init_on(&key_share, 0, key_share_room, sizeof key_share_room);
    enum ech_status status = copy_choice(offer, choice);
    if (status == ECH_OK) {
        status = choose_and_encode(offer, &origin, options, &outer, &encoded);
    }
    if (status == ECH_OK && origin.resealed &&
        take_librarys(offer, &origin, &outer, choice, options, wr_view(&encoded),
                      client_hello_outer)) {
        wr_wipe(&encoded);
        return ECH_OK;
    }
    if (status == ECH_OK) {
        status = make_random_parts(offer, inner, &options->random, &key_share);
    }
    if (status == ECH_OK) {
        status = ech_sender_set_up(&offer->hpke, choice, &options->random, enc);
    }
    if (status == ECH_OK) {
        struct ech_outer_fields fields = {
            .server_name = server_name_of(offer, options),
            .plan = plan_of(inner, options, offer->share),
            .ordinary = &options->ordinary,
            .key_share = wr_view(&key_share),
            .pre_shared_key = pre_shared_key_for(offer, inner),
        };
        const struct contents contents = {
            .enc = bytes_of(enc, ech_hpke_enc_size(choice->suite.kem_id)),
            .encoded = wr_view(&encoded)};
        status = mirror_and_seal(offer, origin.pattern, &fields,
                                 options->sizes.padded != ECH_PADDED_NONE, &contents,
                                 client_hello_outer);
    }
    wr_wipe(&encoded);
    wr_free(&key_share);
    return status;
}

enum ech_status ech_offer_second(struct ech_offer *offer, const struct ech_client_hello *inner,
                                 const struct ech_library_hello *made,
                                 const struct ech_exchange_options *options,
                                 struct writer *client_hello_outer)
{
    struct writer encoded;
    struct ech_client_hello outer;
    struct origin origin = {.inner = inner, .pattern = inner, .made = made};
    struct ech_outer_plan plan =
        plan_of(inner, options,
                offer->share == ECH_OUTER_SHARE_OWN ? ECH_OUTER_SHARE_OWN_SECOND : offer->share);
    uint8_t room[ROOM];
    if (offer->by_library) {
        return take_librarys_second(offer, made, options, client_hello_outer);
    }
    wr_init_on(&encoded, 0, room, sizeof room);
    if (offer->like_library) {
        find_pattern(&origin, &outer, plan);
        origin.resealed = origin.resealed && offer->resealed;
    }
    enum ech_status status = encode_inner(offer, &origin, options, plan, &encoded);
    if (status == ECH_OK) {
        /*
         * RFC 9849, 6.1.5: extensions of the first outer hello may be copied unmodified, so the
         * GREASE PSK stays, unless the inner hello has dropped its own. enc is empty, and the HPKE
         * context goes on with its next sequence number.
         */
        struct ech_outer_fields fields = {
            .server_name = server_name_of(offer, options),
            .plan = plan,
            .ordinary = &options->ordinary,
            .pre_shared_key = pre_shared_key_for(offer, inner),
        };
        const struct contents contents = {.encoded = wr_view(&encoded)};
        status = mirror_and_seal(offer, origin.pattern, &fields,
                                 options->sizes.padded == ECH_PADDED_BOTH, &contents,
                                 client_hello_outer);
    }
    wr_wipe(&encoded);
    return status;
}
