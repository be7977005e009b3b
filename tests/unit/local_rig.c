/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/local_rig.h"

#include <criterion/criterion.h>
#include <string.h>

static const char public_name[] = "public.example";

void library_init_with(struct library *library, struct rig *rig, enum ech_key_share_rule rule)
{
    struct bytes list;
    library->rig = rig;
    library->source.state = 77;
    library->options = (struct ech_exchange_options){.random = test_random(&library->source),
                                                     .key_share_rule = rule};
    ech_offer_init(&library->offer);
    cr_assert_eq(ech_local_key_generate(&library->options.random, &library->key), ECH_OK);
    cr_assert_eq(ech_exchange_use_local_config(library->rig->exchange, &library->key,
                                               bytes_of(public_name, strlen(public_name)), 17,
                                               &list),
                 ECH_OK);
    library->list = octets_copy(list);
    cr_assert_eq(ech_config_list_select(octets_view(&library->list), NULL, &library->choice),
                 ECH_OK);
}

void library_init(struct library *library, size_t step, enum ech_key_share_rule rule)
{
    library_init_with(library, rig_new(step), rule);
}

void library_free(struct library *library)
{
    rig_free(library->rig);
    octets_free(&library->list);
    ech_offer_wipe(&library->offer);
}

struct octets library_hello(struct library *library, struct bytes inner, bool second)
{
    struct ech_client_hello hello;
    struct writer outer;
    wr_init(&outer, 0);
    cr_assert_eq(ech_client_hello_parse(inner, &hello), ECH_OK);
    enum ech_status status =
        second ? ech_offer_second(&library->offer, &hello, NULL, &library->options, &outer)
               : ech_offer_first(&library->offer, &hello, NULL, &library->choice, &library->options,
                                 &outer);
    cr_assert_eq(status, ECH_OK);
    struct octets copy = octets_copy(wr_view(&outer));
    wr_free(&outer);
    return copy;
}

void library_says(struct library *library, struct bytes inner, bool second)
{
    struct octets outer = library_hello(library, inner, second);
    rig_app_hello(library->rig, octets_view(&outer), second ? 0x0303 : 0x0301);
    octets_free(&outer);
}

void ask_again(struct rig *rig)
{
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    answer.more = BYTES(0, 51, 0, 2, 0, 23);
    rig_send(rig, &answer);
    cr_assert_not(ech_exchange_done(rig->exchange));
}
