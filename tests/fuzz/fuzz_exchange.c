/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An exchange fed from both sides in an order that the fuzzer chooses. Whatever happens, the random
 * and the server_name of the inner hello never come out towards the network.
 *
 * Input: two vectors of 2-octet length, the first and the second ClientHelloInner; then steps of
 * one octet each (enum step) with arguments. In both hellos random and host name are overwritten
 * with fixed octets that can be searched for.
 */
#include <stdlib.h>
#include <string.h>

#include "ech/answer.h"
#include "tests/unit/sizes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
    STEP_FIRST_HELLO,  /* u8: octets of the first hello's record to give */
    STEP_SECOND_HELLO, /* the same of the second */
    STEP_APP,          /* vec8: octets from the application */
    STEP_NET,          /* vec8: octets from the network */
    STEP_ANSWER, /* u8 flags, u8 octets at a time, vec8 extensions: a ServerHello with the right
                    confirmation */
    STEP_OFFER,
    STEP_REFUSE,
    STEP_CLOSED,
    STEP_COUNT,
};

enum { FLAG_RETRY = 1, FLAG_NO_ECH = 2, FLAG_TLS12 = 4, FLAG_SHA384 = 8 };
enum { MARK = 12 };

static const uint8_t mark[MARK] = {0xd1, 0x3e, 0x77, 0x92, 0x0b, 0xe4,
                                   0x51, 0xc6, 0x8f, 0x2a, 0xb3, 0x60};

/* ECHConfigList for public.example with key A of echconfig.json. */
static const uint8_t list[] = {
    0x00, 0x41, 0xfe, 0x0d, 0x00, 0x3d, 0x01, 0x00, 0x20, 0x00, 0x20, 0x4f, 0x38, 0x48,
    0x65, 0x6c, 0xa7, 0x6e, 0x34, 0x3f, 0xca, 0x71, 0x54, 0xd2, 0x35, 0x70, 0x53, 0x26,
    0xb8, 0xba, 0x8c, 0xb1, 0xcb, 0x04, 0x07, 0x6d, 0x83, 0x4d, 0x1b, 0x41, 0xca, 0xc9,
    0x43, 0x00, 0x04, 0x00, 0x01, 0x00, 0x01, 0x00, 0x0e, 0x70, 0x75, 0x62, 0x6c, 0x69,
    0x63, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00, 0x00};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool has_mark(struct bytes octets)
{
    return octets.len >= MARK && memmem(octets.data, octets.len, mark, MARK) != NULL;
}

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    uint64_t *state = context;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(*state >> 56);
    }
    return ECH_OK;
}

/* One hello of the application: its message, and its record, given in part. */
struct said {
    uint8_t *message;
    size_t len;
    struct writer record;
    struct reader rest;
};

struct run {
    struct ech_exchange *exchange;
    uint64_t random_state;
    struct said first;
    struct said second;
    struct writer retry_request;
    struct writer net;   /* everything that went to the network */
    struct writer other; /* everything the application wrote besides the hellos */
    bool passing;        /* accepted: octets pass through, so a search would prove nothing */
};

static void put_marks(struct bytes inside, uint8_t *message, struct bytes field)
{
    size_t at = (size_t)(field.data - inside.data);
    for (size_t i = 0; i + MARK <= field.len; i += MARK) {
        memcpy(message + at + i, mark, MARK);
    }
}

/* False if the hello cannot be searched: its marks must be in those two places only. */
static bool prepare(struct said *said, struct reader *input)
{
    struct reader r;
    struct ech_client_hello hello;
    struct bytes name;
    if (!rd_vec16(input, &r) || has_mark(rd_rest(&r))) {
        return false;
    }
    said->len = r.len;
    said->message = malloc(r.len + 1);
    if (said->message == NULL || !rd_copy(&r, said->message, said->len)) {
        return false;
    }
    struct bytes message = bytes_of(said->message, said->len);
    if (ech_client_hello_parse(message, &hello) == ECH_OK) {
        put_marks(message, said->message, hello.random);
        if (ech_client_hello_server_name(&hello, &name) == ECH_OK && name.len >= MARK) {
            put_marks(message, said->message, name);
        }
    }
    wr_init(&said->record, 0);
    ech_records_write(&said->record, ECH_TLS12, message);
    said->rest = rd_of(wr_view(&said->record));
    return true;
}

static void drain(struct run *run)
{
    struct bytes out = ech_exchange_to_net(run->exchange);
    if (!run->passing) {
        wr_bytes(&run->net, out);
    }
    ech_exchange_net_took(run->exchange, out.len);
    ech_exchange_app_took(run->exchange, ech_exchange_to_app(run->exchange).len);
    require(ech_exchange_to_net(run->exchange).len == 0);
    run->passing = run->passing || ech_exchange_drained(run->exchange);
    if (ech_exchange_done(run->exchange)) {
        require(run->passing == (ech_exchange_failure(run->exchange) == ECH_FAILURE_NONE));
        require(ech_exchange_net_wanted(run->exchange) == 0);
    } else {
        require(ech_exchange_net_wanted(run->exchange) > 0);
    }
}

static void give_hello(struct run *run, struct said *said, size_t octets)
{
    struct bytes piece;
    if (rd_bytes(&said->rest, octets < said->rest.len ? octets : said->rest.len, &piece)) {
        (void)ech_exchange_from_app(run->exchange, piece);
    }
}

static void give_net(struct run *run, struct bytes octets, size_t step)
{
    struct reader r = rd_of(octets);
    struct bytes piece;
    while (!rd_done(&r) && rd_bytes(&r, step == 0 || step > r.len ? r.len : step, &piece)) {
        (void)ech_exchange_from_net(run->exchange, piece);
        drain(run);
    }
}

static void write_answer(struct writer *w, const struct ech_client_hello *inner, uint8_t flags,
                         struct bytes more, const uint8_t *confirmation)
{
    static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                             0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                                             0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                                             0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    bool retry = (flags & FLAG_RETRY) != 0;
    wr_u8(w, ECH_HANDSHAKE_SERVER_HELLO);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, ECH_TLS12);
    if (retry) {
        wr_bytes(w, bytes_of(retry_random, sizeof retry_random));
    } else {
        wr_zeros(w, 24);
        wr_bytes(w, bytes_of(confirmation, ECH_CONFIRMATION_SIZE));
    }
    struct wr_mark length = wr_open(w, 1);
    wr_bytes(w, inner->legacy_session_id);
    wr_close(w, length);
    wr_u16(w, (flags & FLAG_SHA384) != 0 ? 0x1302 : 0x1301);
    wr_u8(w, 0);
    length = wr_open(w, 2);
    if ((flags & FLAG_TLS12) == 0) {
        wr_u16(w, ECH_EXT_SUPPORTED_VERSIONS);
        wr_u16(w, 2);
        wr_u16(w, ECH_TLS13);
    }
    if (retry && (flags & FLAG_NO_ECH) == 0) {
        wr_u16(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
        wr_u16(w, ECH_CONFIRMATION_SIZE);
        wr_bytes(w, bytes_of(confirmation, ECH_CONFIRMATION_SIZE));
    }
    wr_bytes(w, more);
    wr_close(w, length);
    wr_close(w, body);
}

static void compute(struct run *run, const struct ech_client_hello *inner,
                    const struct ech_server_hello *hello, uint8_t *confirmation)
{
    struct ech_accept_transcript transcript = {.client_hello_inner = inner,
                                               .hello_retry_request = wr_view(&run->retry_request)};
    if (transcript.hello_retry_request.len > 0) {
        transcript.second_client_hello_inner = bytes_of(run->second.message, run->second.len);
    }
    if (!hello->is_hello_retry_request) {
        (void)!ech_accept_confirmation(&transcript, hello, confirmation);
    } else if (hello->confirmation.len > 0) {
        (void)!ech_hrr_accept_confirmation(inner, hello, confirmation);
    }
}

static void answer(struct run *run, uint8_t flags, uint8_t step, struct bytes more)
{
    uint8_t confirmation[ECH_CONFIRMATION_SIZE] = {0};
    struct ech_client_hello inner;
    struct ech_server_hello hello;
    struct writer message;
    struct writer record;
    if (ech_client_hello_parse(bytes_of(run->first.message, run->first.len), &inner) != ECH_OK) {
        return;
    }
    wr_init(&message, 0);
    wr_init(&record, 0);
    write_answer(&message, &inner, flags, more, confirmation);
    if ((flags & FLAG_NO_ECH) == 0 && ech_server_hello_parse(wr_view(&message), &hello) == ECH_OK) {
        compute(run, &inner, &hello, confirmation);
    }
    wr_free(&message);
    write_answer(&message, &inner, flags, more, confirmation);
    if ((flags & FLAG_RETRY) != 0 && wr_view(&run->retry_request).len == 0) {
        wr_bytes(&run->retry_request, wr_view(&message));
    }
    ech_records_write(&record, ECH_TLS12, wr_view(&message));
    give_net(run, wr_view(&record), step);
    wr_free(&message);
    wr_free(&record);
}

static void offer(struct run *run)
{
    struct ech_config_choice choice;
    require(ech_config_list_select(bytes_of(list, sizeof list), NULL, &choice) == ECH_OK);
    (void)ech_exchange_offer(run->exchange, &choice);
}

/* False at the end of the input, or where a search would find what the fuzzer itself put there. */
static bool do_step(struct run *run, struct reader *input)
{
    uint8_t step;
    uint8_t number;
    uint8_t flags;
    struct reader octets;
    if (!rd_u8(input, &step)) {
        return false;
    }
    switch (step % STEP_COUNT) {
    case STEP_FIRST_HELLO:
    case STEP_SECOND_HELLO:
        if (!rd_u8(input, &number)) {
            return false;
        }
        give_hello(run, step % STEP_COUNT == STEP_FIRST_HELLO ? &run->first : &run->second, number);
        break;
    case STEP_APP:
        if (!rd_vec8(input, &octets)) {
            return false;
        }
        wr_bytes(&run->other, rd_rest(&octets));
        if (has_mark(wr_view(&run->other))) {
            return false;
        }
        (void)ech_exchange_from_app(run->exchange, rd_rest(&octets));
        break;
    case STEP_NET:
        if (!rd_vec8(input, &octets)) {
            return false;
        }
        give_net(run, rd_rest(&octets), 0);
        break;
    case STEP_ANSWER:
        if (!rd_u8(input, &flags) || !rd_u8(input, &number) || !rd_vec8(input, &octets)) {
            return false;
        }
        answer(run, flags, number, rd_rest(&octets));
        break;
    case STEP_OFFER:
        offer(run);
        break;
    case STEP_REFUSE:
        (void)ech_exchange_refuse(run->exchange);
        break;
    default:
        (void)ech_exchange_net_closed(run->exchange);
        break;
    }
    drain(run);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = rd_of(bytes_of(data, size));
    struct run run = {.random_state = 7};
    const struct ech_exchange_options options = {
        .random = {.fill = fill, .context = &run.random_state}, .sizes = OPENSSL_SIZES};
    wr_init(&run.retry_request, 0);
    wr_init(&run.net, 0);
    wr_init(&run.other, 0);
    if (prepare(&run.first, &input) && prepare(&run.second, &input)) {
        require(ech_exchange_new(&run.exchange, &options) == ECH_OK);
        while (do_step(&run, &input)) {
            require(!has_mark(wr_view(&run.net)));
        }
    }
    ech_exchange_free(run.exchange);
    wr_free(&run.first.record);
    wr_free(&run.second.record);
    wr_free(&run.retry_request);
    wr_free(&run.net);
    wr_free(&run.other);
    free(run.first.message);
    free(run.second.message);
    return 0;
}
