/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/dns_messages.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/vectors.h"

void write_name(struct writer *w, const char *text)
{
    while (*text != '\0' && *text != '.') {
        size_t len = strcspn(text, ".");
        wr_u8(w, (uint8_t)len);
        wr_bytes(w, bytes_of(text, len));
        text += len + (text[len] == '.' ? 1 : 0);
    }
    wr_u8(w, 0);
}

struct dns_name name_of(const char *text)
{
    struct dns_name name;
    struct writer w;
    wr_init(&w, 0);
    write_name(&w, text);
    struct reader r = rd_of(wr_view(&w));
    cr_assert_eq(dns_name_read(&r, &name), ECH_OK);
    wr_free(&w);
    return name;
}

void message_begin(struct message *m, uint16_t id, uint16_t flags, const char *qname, uint16_t type)
{
    *m = (struct message){0};
    wr_init(&m->w, 0);
    wr_u16(&m->w, id);
    wr_u16(&m->w, flags);
    wr_u16(&m->w, 1);
    wr_zeros(&m->w, 6);
    write_name(&m->w, qname);
    wr_u16(&m->w, type);
    wr_u16(&m->w, 1);
}

static void record(struct message *m, const char *owner, uint16_t type, uint32_t ttl,
                   struct bytes rdata)
{
    if (owner == NULL) {
        wr_u16(&m->w, 0xc00c);
    } else {
        write_name(&m->w, owner);
    }
    wr_u16(&m->w, type);
    wr_u16(&m->w, 1);
    wr_u32(&m->w, ttl);
    struct wr_mark mark = wr_open(&m->w, 2);
    wr_bytes(&m->w, rdata);
    wr_close(&m->w, mark);
}

void message_answer(struct message *m, const char *owner, uint16_t type, uint32_t ttl,
                    struct bytes rdata)
{
    record(m, owner, type, ttl, rdata);
    m->answers++;
}

void message_cname(struct message *m, const char *owner, const char *target, uint32_t ttl)
{
    struct dns_name name = name_of(target);
    message_answer(m, owner, TYPE_CNAME, ttl, dns_name_view(&name));
}

void message_address(struct message *m, const char *owner, uint32_t ttl, const char *address)
{
    uint8_t octets[16];
    bool ipv6 = strchr(address, ':') != NULL;
    cr_assert_eq(inet_pton(ipv6 ? AF_INET6 : AF_INET, address, octets), 1);
    message_answer(m, owner, ipv6 ? TYPE_AAAA : TYPE_A, ttl, bytes_of(octets, ipv6 ? 16 : 4));
}

void message_as_additional(struct message *m)
{
    m->answers--;
    m->additionals++;
}

void message_https(struct message *m, const char *owner, uint32_t ttl, uint16_t priority,
                   const char *target, const char *params_hex)
{
    struct writer w;
    wr_init(&w, 0);
    wr_u16(&w, priority);
    write_name(&w, target);
    if (*params_hex != '\0') {
        struct octets params = octets_of_hex(params_hex);
        wr_bytes(&w, octets_view(&params));
        octets_free(&params);
    }
    message_answer(m, owner, TYPE_HTTPS, ttl, wr_view(&w));
    wr_free(&w);
}

void message_soa(struct message *m, const char *owner, uint32_t ttl, uint32_t minimum)
{
    struct writer w;
    wr_init(&w, 0);
    write_name(&w, "ns.example");
    wr_u16(&w, 0xc00c); /* compressed, as real servers do */
    wr_zeros(&w, 16);
    wr_u32(&w, minimum);
    record(m, owner, TYPE_SOA, ttl, wr_view(&w));
    m->authorities++;
    wr_free(&w);
}

void message_opt(struct message *m, uint8_t extended_rcode)
{
    record(m, "", TYPE_OPT, (uint32_t)extended_rcode << 24, bytes_of(NULL, 0));
    m->additionals++;
}

struct bytes message_finish(struct message *m)
{
    cr_assert_eq(wr_finish(&m->w), ECH_OK);
    if (m->raw) {
        return wr_view(&m->w);
    }
    uint16_t counts[] = {m->answers, m->authorities, m->additionals};
    for (size_t i = 0; i < 3; i++) {
        m->w.data[6 + 2 * i] = (uint8_t)(counts[i] >> 8);
        m->w.data[7 + 2 * i] = (uint8_t)counts[i];
    }
    return wr_view(&m->w);
}

void message_free(struct message *m)
{
    wr_free(&m->w);
}
