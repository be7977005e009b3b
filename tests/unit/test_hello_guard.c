/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the wire guard recognises as a hello, and what it reads in one. */
#include <criterion/criterion.h>
#include <string.h>

#include "shim/stub/guard_hello.h"
#include "shim/stub/guard_hello_inner.h"

/* ---- the recogniser ---- */

enum { PREFIX = 43, RANDOM_AT = 11, FOLLOWED = 256 };

static const uint8_t client_hello[PREFIX] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 9, 9};

struct octets {
    const uint8_t *data;
    size_t length;
};

static bool octets_of(void *context, size_t at, const uint8_t **octets, size_t *length)
{
    const struct octets *all = context;
    if (at >= all->length) {
        return false;
    }
    *octets = all->data + at;
    *length = all->length - at;
    return true;
}

/* The sighting at a record border, or (`scan`) in a scan of all that follows. */
static struct shim_hello_sight sight_of(const uint8_t *data, size_t length, bool scan)
{
    struct octets octets = {data, length};
    const struct shim_hello_source source = {octets_of, &octets};
    struct shim_hello_sight sight;
    size_t at = shim_hello_find(&source, &sight);
    if (sight.hello == SHIM_HELLO_NONE && scan) {
        shim_hello_scan(&source, at, &sight);
    }
    return sight;
}

static enum shim_hello judged(const uint8_t *data, size_t length)
{
    return sight_of(data, length, false).hello;
}

Test(hello_guard, every_prefix_of_a_hello_may_become_one)
{
    cr_assert_eq(judged(client_hello, 0), SHIM_HELLO_NONE);
    for (size_t length = 1; length < PREFIX; length++) {
        cr_assert_eq(judged(client_hello, length), SHIM_HELLO_MORE, "%zu", length);
    }
    struct shim_hello_sight sight = sight_of(client_hello, PREFIX, false);
    cr_assert_eq(sight.hello, SHIM_HELLO_IS);
    cr_assert_eq(sight.needed, PREFIX);
    cr_assert_eq(memcmp(sight.random, client_hello + RANDOM_AT, sizeof sight.random), 0);
}

Test(hello_guard, every_octet_of_the_header_counts)
{
    /* Record type, message type and length, message version. */
    static const size_t fixed[] = {0, 5, 6, 9};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        uint8_t octets[PREFIX];
        memcpy(octets, client_hello, sizeof octets);
        octets[fixed[i]] = fixed[i] == 9 ? 2 : (uint8_t)(octets[fixed[i]] ^ 0x40);
        cr_assert_eq(judged(octets, sizeof octets), SHIM_HELLO_NONE, "%zu", fixed[i]);
        cr_assert_eq(judged(octets, fixed[i] + 1), SHIM_HELLO_NONE, "%zu", fixed[i]);
        cr_assert_eq(judged(octets, fixed[i]), fixed[i] == 0 ? SHIM_HELLO_NONE : SHIM_HELLO_MORE);
    }
}

/* What servers accept as a hello (checked with OpenSSL 3.0, GnuTLS 3.7, NSS 3.87). */
Test(hello_guard, what_servers_tolerate_is_a_hello)
{
    uint8_t octets[PREFIX];
    for (unsigned major = 0; major < 256; major++) {
        memcpy(octets, client_hello, sizeof octets);
        octets[1] = (uint8_t)major;
        cr_assert_eq(judged(octets, sizeof octets), SHIM_HELLO_IS, "record of version %u", major);
        memcpy(octets, client_hello, sizeof octets);
        octets[9] = (uint8_t)major;
        cr_assert_eq(judged(octets, sizeof octets), major < 3 ? SHIM_HELLO_NONE : SHIM_HELLO_IS,
                     "hello of version %u", major);
    }
}

/* The guard follows it at every cut, and the whole is a hello with this random. */
static void check_followed(const uint8_t *octets, size_t length, bool scan)
{
    struct shim_hello_sight whole = sight_of(octets, length, scan);
    cr_assert_eq(whole.hello, SHIM_HELLO_IS);
    cr_assert_eq(memcmp(whole.random, client_hello + RANDOM_AT, sizeof whole.random), 0);
    cr_assert_leq(whole.needed, FOLLOWED);
    for (size_t cut = whole.at + 1; cut < whole.at + whole.needed; cut++) {
        struct shim_hello_sight sight = sight_of(octets, cut, scan);
        cr_assert_eq(sight.hello, SHIM_HELLO_MORE, "%zu", cut);
        cr_assert_eq(sight.at, whole.at);
    }
    cr_assert_eq(sight_of(octets, whole.at + whole.needed, scan).hello, SHIM_HELLO_IS);
}

/* The octets of the hello, after others. */
static size_t behind(uint8_t *out, const void *others, size_t length)
{
    memcpy(out, others, length);
    memcpy(out + length, client_hello, PREFIX);
    return length + PREFIX;
}

Test(hello_guard, a_hello_behind_other_records)
{
    static const struct {
        uint8_t octets[16];
        size_t length;
    } others[] = {
        {{22, 3, 1, 0, 0}, 5},                       /* an empty handshake record */
        {{22, 9, 1, 0, 0, 22, 3, 1, 0, 0}, 10},      /* two */
        {{21, 3, 1, 0, 2, 1, 112}, 7},               /* a warning */
        {{21, 9, 9, 0, 2, 1, 112}, 7},               /* one of an odd version */
        {{20, 3, 1, 0, 1, 1}, 6},                    /* change_cipher_spec */
        {{20, 3, 1, 0, 0}, 5},                       /* an empty one */
        {{22, 3, 1, 0, 0, 21, 3, 1, 0, 2, 1, 0}, 12} /* both */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint8_t octets[16 + PREFIX];
        size_t length = behind(octets, others[i].octets, others[i].length);
        struct shim_hello_sight sight = sight_of(octets, length, false);
        cr_assert_eq(sight.hello, SHIM_HELLO_IS, "number %zu", i);
        cr_assert_leq(sight.at, others[i].length);
        octets[others[i].length + 1] = 77; /* of an odd version too */
        cr_assert_eq(judged(octets, length), SHIM_HELLO_IS, "number %zu", i);
    }
}

Test(hello_guard, a_hello_behind_other_octets)
{
    static const char *const others[] = {
        "x",    "STARTTLS\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "\x16", "\x16\x03\x01", "\x16\x16\x16"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint8_t octets[64 + PREFIX];
        size_t length = behind(octets, others[i], strlen(others[i]));
        struct shim_hello_sight sight = sight_of(octets, length, true);
        cr_assert_eq(sight.hello, SHIM_HELLO_IS, "number %zu", i);
        cr_assert_eq(sight.at, strlen(others[i]));
    }
    uint8_t octets[64 + PREFIX];
    size_t length = behind(octets, "STARTTLS\r\n", 10);
    check_followed(octets, length, true);
}

static size_t in_records_of(uint8_t *out, size_t size, const char *between, size_t between_length)
{
    size_t length = 0;
    for (size_t at = 5; at < PREFIX; at += size) {
        size_t part = size < PREFIX - at ? size : PREFIX - at;
        memcpy(out + length, (const uint8_t[]){22, 3, 1, 0, (uint8_t)part}, 5);
        memcpy(out + length + 5, client_hello + at, part);
        length += 5 + part;
        memcpy(out + length, between, between_length);
        length += between_length;
    }
    return length;
}

Test(hello_guard, a_hello_in_many_records)
{
    uint8_t octets[1024];
    for (size_t size = 1; size < PREFIX - 5; size++) {
        check_followed(octets, in_records_of(octets, size, "", 0), false);
    }
    /* Empty records and alerts in between. */
    check_followed(octets, in_records_of(octets, 13, "\x16\x03\x01\0\0", 5), false);
    check_followed(octets, in_records_of(octets, 13, "\x15\x03\x01\0\x02\x01\x70", 7), false);
    /* Behind other octets. */
    uint8_t more[1024] = "CONNECT a:1 HTTP/1.1\r\n\r\n";
    size_t before = strlen((const char *)more);
    size_t length = in_records_of(more + before, 1, "", 0);
    check_followed(more, before + length, true);
}

Test(hello_guard, a_hello_as_ssl_2_has_it)
{
    uint8_t octets[11 + 3 + 32] = {0x80, 9 + 3 + 32, 1, 3, 3, 0, 3, 0, 0, 0, 32};
    struct shim_hello_sight sight = sight_of(octets, sizeof octets, false);
    cr_assert_eq(sight.hello, SHIM_HELLO_IS);
    cr_assert(sight.old);
    for (size_t cut = 1; cut < 11; cut++) {
        cr_assert_eq(judged(octets, cut), SHIM_HELLO_MORE, "%zu", cut);
    }
    for (size_t i = 0; i < 11; i++) {
        octets[i] ^= 0x40;
        cr_assert_eq(judged(octets, sizeof octets), SHIM_HELLO_NONE, "%zu", i);
        octets[i] ^= 0x40;
    }
}

/* An encrypted Finished of TLS 1.2 sometimes looks like the beginning of a long hello. */
Test(hello_guard, what_is_encrypted_is_no_hello)
{
    uint8_t finished[45] = {22, 3, 3, 0, 40, 1, 1, 99, 99, 7, 7};
    cr_assert_eq(judged(finished, sizeof finished), SHIM_HELLO_NONE);
    finished[6] = 0;
    cr_assert_eq(judged(finished, sizeof finished), SHIM_HELLO_NONE);
    uint8_t data[4096] = {23, 3, 3, 0x3f, 0xff};
    memcpy(data + 100, client_hello, sizeof client_hello);
    cr_assert_eq(sight_of(data, sizeof data, true).hello, SHIM_HELLO_NONE, "within a record");
}

Test(hello_guard, the_marker_of_an_inner_hello)
{
    static const uint8_t inner[] = {22, 3, 1, 0, 52, 1, 0, 0, 48, 3, 3, 7, 7, 7, 7,   7,  7, 7, 7,
                                    7,  7, 7, 7, 7,  7, 7, 7, 7,  7, 7, 7, 7, 7, 7,   7,  7, 7, 7,
                                    7,  7, 7, 7, 7,  0, 0, 2, 19, 1, 1, 0, 0, 5, 254, 13, 0, 1, 1};
    uint8_t octets[sizeof inner];
    struct octets all = {octets, sizeof octets};
    const struct shim_hello_source source = {octets_of, &all};
    memcpy(octets, inner, sizeof octets);
    cr_assert(shim_hello_is_inner(&source, 0));
    octets[sizeof inner - 1] = 0; /* an outer one, with a bad length */
    cr_assert_not(shim_hello_is_inner(&source, 0));
    octets[sizeof inner - 1] = 1;
    octets[sizeof inner - 4] = 14;
    cr_assert_not(shim_hello_is_inner(&source, 0));
    memcpy(octets, inner, sizeof octets);
    for (all.length = 0; all.length < sizeof octets; all.length++) {
        cr_assert_not(shim_hello_is_inner(&source, 0));
    }
    /* In records of seven octets. */
    uint8_t cut[200];
    size_t length = 0;
    for (size_t at = 5; at < sizeof inner; at += 7) {
        size_t part = sizeof inner - at < 7 ? sizeof inner - at : 7;
        memcpy(cut + length, (const uint8_t[]){22, 3, 1, 0, (uint8_t)part}, 5);
        memcpy(cut + length + 5, inner + at, part);
        length += 5 + part;
    }
    struct octets pieces = {cut, length};
    const struct shim_hello_source in_pieces = {octets_of, &pieces};
    cr_assert(shim_hello_is_inner(&in_pieces, 0));
}

/* Two extensions, then encrypted_client_hello of an outer hello with config 77. */
static const uint8_t outer[] = {22, 3, 1, 0, 67, 1, 0, 0, 63,  3,  3,  7, 7, 7, 7, 7,  7, 7,
                                7,  7, 7, 7, 7,  7, 7, 7, 7,   7,  7,  7, 7, 7, 7, 7,  7, 7,
                                7,  7, 7, 7, 7,  7, 7, 0, 0,   2,  19, 1, 1, 0, 0, 20, 0, 9,
                                0,  1, 5, 0, 43, 0, 1, 6, 254, 13, 0,  6, 0, 0, 1, 0,  1, 77};
enum { OUTER_TYPE_AT = 66, OUTER_CONFIG_AT = 71 };

static bool is_outer(const uint8_t *data, size_t length, uint8_t *config_id)
{
    struct octets octets = {data, length};
    const struct shim_hello_source source = {octets_of, &octets};
    return shim_hello_is_outer(&source, 0, config_id);
}

/* Without the identifier nothing is known, whichever octet is missing. */
Test(hello_guard, the_config_of_an_outer_hello)
{
    uint8_t config_id = 0;
    uint8_t octets[sizeof outer];
    cr_assert(is_outer(outer, sizeof outer, &config_id));
    cr_assert_eq(config_id, 77);
    for (size_t length = 0; length < sizeof outer; length++) {
        cr_assert_not(is_outer(outer, length, &config_id), "%zu octets", length);
    }
    memcpy(octets, outer, sizeof outer);
    octets[OUTER_TYPE_AT] = 1; /* the type of an inner hello, for which the length is wrong */
    cr_assert_not(is_outer(octets, sizeof outer, &config_id));
    octets[OUTER_TYPE_AT] = 0;
    octets[OUTER_TYPE_AT - 3] = 14; /* another extension */
    cr_assert_not(is_outer(octets, sizeof outer, &config_id));
}

/* Wrong lengths: of the message, of the suites, of all extensions, of one. */
Test(hello_guard, an_outer_hello_out_of_shape)
{
    static const size_t lengths[] = {8, 43, 45, 48, 51, 55, 60};
    uint8_t octets[sizeof outer];
    uint8_t config_id = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(octets, outer, sizeof octets);
        octets[lengths[i]] = (uint8_t)(octets[lengths[i]] + 3);
        cr_assert_not(is_outer(octets, sizeof octets, &config_id), "at %zu", lengths[i]);
    }
    /* An extension that ends before the identifier; another extension follows there. */
    uint8_t more[sizeof outer + 3];
    memcpy(more, outer, sizeof outer);
    memcpy(more + OUTER_TYPE_AT - 1, (const uint8_t[]){5, 0, 0, 1, 0, 1, 77, 77, 0, 0}, 10);
    more[4] += 3;
    more[8] += 3;
    more[51] += 3;
    cr_assert_not(is_outer(more, sizeof more, &config_id));
}

Test(hello_guard, an_outer_hello_in_many_records)
{
    for (size_t size = 1; size < sizeof outer - 5; size++) {
        uint8_t octets[1024];
        uint8_t config_id = 0;
        size_t length = 0;
        for (size_t at = 5; at < sizeof outer; at += size) {
            size_t part = sizeof outer - at < size ? sizeof outer - at : size;
            memcpy(octets + length, (const uint8_t[]){22, 3, 1, 0, (uint8_t)part}, 5);
            memcpy(octets + length + 5, outer + at, part);
            length += 5 + part;
        }
        cr_assert(is_outer(octets, length, &config_id), "records of %zu", size);
        cr_assert_eq(config_id, 77);
        cr_assert_not(is_outer(octets, length - 1, &config_id), "records of %zu", size);
    }
}

/* ---- the name in a hello ---- */

/* Record and message headers, version; random, session id, one suite, no compression; then an
 * extension of 1 octet, and server_name "a.example". */
static const uint8_t named_hello[] = {
    22, 3, 1, 0,  70, 1,  0, 0, 66, 3,  3,  0,   0,   0,  0,   0,   0,   0,  0,
    0,  0, 0, 0,  0,  0,  0, 0, 0,  0,  0,  0,   0,   0,  0,   0,   0,   0,  0,
    0,  0, 0, 0,  0,  0,  0, 2, 19, 1,  1,  0,   0,   23, 255, 1,   0,   1,  0,
    0,  0, 0, 14, 0,  12, 0, 0, 9,  97, 46, 101, 120, 97, 109, 112, 108, 101};

static enum shim_hello_name name_of(const uint8_t *data, size_t length, char *name)
{
    struct octets octets = {data, length};
    const struct shim_hello_source source = {octets_of, &octets};
    return shim_hello_server_name(&source, 0, name);
}

Test(hello_guard, the_name_in_a_hello)
{
    char name[SHIM_HELLO_NAME_SIZE] = "";
    cr_assert_eq(name_of(named_hello, sizeof named_hello, name), SHIM_HELLO_NAMED);
    cr_assert_str_eq(name, "a.example");
    for (size_t length = 0; length < sizeof named_hello; length++) {
        cr_assert_eq(name_of(named_hello, length, name), SHIM_HELLO_NAME_UNKNOWN, "%zu", length);
    }
    /* A wrong length anywhere, a NUL in the name, a name of another kind. */
    static const size_t lengths[] = {8, 43, 48, 51, 55, 60, 62, 63, 65, 66};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t octets[sizeof named_hello];
        memcpy(octets, named_hello, sizeof octets);
        octets[lengths[i]] = lengths[i] == 66 ? 0 : (uint8_t)(octets[lengths[i]] + 1);
        cr_assert_neq(name_of(octets, sizeof octets, name), SHIM_HELLO_NAMED, "at %zu", lengths[i]);
    }
}

Test(hello_guard, a_hello_without_a_name)
{
    char name[SHIM_HELLO_NAME_SIZE];
    uint8_t octets[sizeof named_hello];
    memcpy(octets, named_hello, sizeof octets);
    octets[58] = 77; /* an unknown extension */
    cr_assert_eq(name_of(octets, sizeof octets, name), SHIM_HELLO_NAMELESS);
    /* No extensions at all. */
    octets[4] = 45;
    octets[8] = 41;
    cr_assert_eq(name_of(octets, sizeof octets, name), SHIM_HELLO_NAMELESS);
}

static bool question_of(const uint8_t *data, size_t length, bool stream, char *name)
{
    struct octets octets = {data, length};
    const struct shim_hello_source source = {octets_of, &octets};
    return shim_hello_question_name(&source, stream, name);
}

Test(hello_guard, the_name_in_a_question)
{
    static const uint8_t question[] = {0,  27, 7,   7,   1,  0,   0,   1,   0,   0, 0, 0,  0, 0, 1,
                                       97, 7,  101, 120, 97, 109, 112, 108, 101, 0, 0, 65, 0, 1};
    char name[SHIM_HELLO_NAME_SIZE] = "";
    cr_assert(question_of(question + 2, sizeof question - 2, false, name));
    cr_assert_str_eq(name, "a.example");
    cr_assert(question_of(question, sizeof question, true, name));
    cr_assert_str_eq(name, "a.example");
    for (size_t length = 0; length < sizeof question; length++) {
        cr_assert_not(question_of(question, length, true, name), "%zu", length);
    }
    /* A second question behind it may be for another name. */
    uint8_t two[2 * sizeof question];
    memcpy(two, question, sizeof question);
    memcpy(two + sizeof question, question, sizeof question);
    cr_assert_not(question_of(two, sizeof two, true, name));
    uint8_t octets[sizeof question];
    memcpy(octets, question, sizeof octets);
    octets[16] = 0xc0; /* a pointer */
    cr_assert_not(question_of(octets, sizeof octets, true, name));
    /* Longer than a name may be. */
    uint8_t many[2 + 12 + 300] = {1, 56, 0, 0, 0, 0, 0, 1};
    memset(many + 14, 1, 300);
    memset(many + 14, 63, 1);
    memset(many + 15, 'a', 63);
    cr_assert_not(question_of(many, sizeof many, true, name));
}

Test(hello_guard, datagrams)
{
    static const uint8_t initial[] = {0xc0, 0, 0, 0, 1, 0, 0};
    static const uint8_t negotiation[] = {0x80, 0, 0, 0, 0, 0, 0};
    static const uint8_t quic2[] = {0xd0, 0x6b, 0x33, 0x43, 0xcf, 8, 1};
    static const uint8_t dtls[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1};
    cr_assert(shim_hello_in_datagram(initial, sizeof initial));
    cr_assert(shim_hello_in_datagram(quic2, sizeof quic2));
    cr_assert_not(shim_hello_in_datagram(negotiation, sizeof negotiation));
    cr_assert_not(shim_hello_in_datagram(initial, sizeof initial - 1));
    cr_assert(shim_hello_in_datagram(dtls, sizeof dtls));
    cr_assert_not(shim_hello_in_datagram(dtls, sizeof dtls - 1));
    cr_assert_not(shim_hello_in_datagram(NULL, 0));
}
