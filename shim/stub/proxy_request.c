/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/proxy_request.h"

#include "dns/host_name.h"

enum phase {
    START,
    HTTP_METHOD, /* within the word CONNECT */
    HTTP_BEFORE, /* blanks in front of the target */
    HTTP_TARGET,
    HTTP_LINE,       /* the rest of a line */
    HTTP_LINE_BEGUN, /* at the beginning of the next line; an empty line ends the request */
    SOCKS4_COMMAND,
    SOCKS4_PORT,
    SOCKS4_ADDRESS,
    SOCKS4_USER,
    SOCKS4A_HOST,
    SOCKS5_COUNT,
    SOCKS5_METHODS,
    SOCKS5_CHOSEN, /* the proxy has chosen a method, and we do not know which */
    SOCKS5_USER_LENGTH,
    SOCKS5_USER,
    SOCKS5_PASSWORD_LENGTH,
    SOCKS5_PASSWORD,
    SOCKS5_REQUEST, /* the proxy has taken the password */
    SOCKS5_COMMAND,
    SOCKS5_RESERVED,
    SOCKS5_ADDRESS_TYPE,
    SOCKS5_HOST_LENGTH,
    SOCKS5_HOST,
    SOCKS5_ADDRESS,
    SOCKS5_PORT,
    OVER,
};

/* Of an HTTP target, and of a SOCKS4 address. */
enum {
    IN_PORT = 1,   /* behind a colon */
    BAD_PORT = 2,  /* the port has something that is no digit */
    DIGITS = 4,    /* the port has a digit */
    BRACKETS = 8,  /* within the brackets of an IPv6 address */
    SLASH = 16,    /* the first one behind "scheme:" */
    PATH = 32,     /* behind host and port */
    DOTTED = 64,   /* the last octet was a dot */
    SOCKS4A = 128, /* the address says that a name follows */
};

enum {
    SOCKS4 = 4,
    SOCKS5 = 5,
    NEGOTIATION = 1,
    METHOD_PASSWORD = 2,
    PORT_MAX = 65535,
    TLS_HANDSHAKE = 22
};

static const char method[] = "connect";

/* FNV-1a, but no host has the hash 0. */
static const uint64_t hash_of_nothing = UINT64_C(0xcbf29ce484222325);

static uint64_t hash_on(uint64_t hash, uint8_t octet)
{
    hash = (hash ^ dns_lower(octet)) * UINT64_C(0x100000001b3);
    return hash != 0 ? hash : 1;
}

static bool is_blank(uint8_t octet)
{
    return octet == ' ' || octet == '\t' || octet == '\v' || octet == '\f';
}

static bool is_line_end(uint8_t octet)
{
    return octet == '\r' || octet == '\n';
}

/* ---- hashing the host of a target ---- */

static void host_begin(struct shim_proxy_reader *reader)
{
    reader->host = hash_of_nothing;
    reader->undotted = hash_of_nothing;
    reader->named = 0;
    reader->number = 0;
    reader->flags = 0;
}

static void host_octet(struct shim_proxy_reader *reader, uint8_t octet)
{
    bool dot = octet == '.';
    if (dot) {
        reader->undotted = reader->host;
    }
    reader->flags = (uint8_t)(dot ? reader->flags | DOTTED : reader->flags & ~DOTTED);
    reader->host = hash_on(reader->host, octet);
}

/* 0 for an empty one. */
static uint64_t host_end(const struct shim_proxy_reader *reader)
{
    uint64_t hash = (reader->flags & DOTTED) != 0 ? reader->undotted : reader->host;
    return hash != hash_of_nothing ? hash : 0;
}

uint64_t shim_proxy_host_hash(const char *host)
{
    struct shim_proxy_reader reader;
    host_begin(&reader);
    for (; *host != '\0'; host++) {
        host_octet(&reader, (uint8_t)*host);
    }
    uint64_t hash = host_end(&reader);
    return hash != 0 ? hash : 1;
}

/* ---- CONNECT ---- */

/* Reads host:port. Like lenient servers it accepts a scheme, a user and a path. */
static void target_octet(struct shim_proxy_reader *reader, uint8_t octet)
{
    bool slash = (reader->flags & SLASH) != 0;
    reader->flags &= (uint8_t)~SLASH;
    if ((reader->flags & PATH) != 0) {
        return;
    }
    if (octet == '/') {
        bool scheme = (reader->flags & (IN_PORT | DIGITS | BAD_PORT)) == IN_PORT;
        if (scheme && slash) {
            host_begin(reader);
        } else {
            reader->flags = (uint8_t)(reader->flags | (scheme ? SLASH : PATH));
        }
    } else if (octet == '@') {
        host_begin(reader);
    } else if (octet == ':' && (reader->flags & BRACKETS) == 0) {
        reader->named = host_end(reader);
        reader->number = 0;
        reader->flags = (uint8_t)((reader->flags & ~(BAD_PORT | DIGITS)) | IN_PORT);
        reader->host = hash_on(reader->host, octet);
    } else if ((reader->flags & IN_PORT) != 0 && octet >= '0' && octet <= '9') {
        reader->flags |= DIGITS;
        reader->number = reader->number * 10 + (uint32_t)(octet - '0');
        if (reader->number > PORT_MAX) {
            reader->number = PORT_MAX + 1;
        }
        reader->host = hash_on(reader->host, octet);
    } else {
        if (octet == '[') {
            reader->flags |= BRACKETS;
        } else if (octet == ']') {
            reader->flags &= (uint8_t)~BRACKETS;
        }
        if ((reader->flags & IN_PORT) != 0) {
            reader->flags |= BAD_PORT;
        }
        host_octet(reader, octet);
    }
}

static void target_end(const struct shim_proxy_reader *reader, struct shim_proxy_target *target)
{
    bool in_port = (reader->flags & IN_PORT) != 0;
    target->host = in_port ? reader->named : host_end(reader);
    target->port_known = (reader->flags & (IN_PORT | DIGITS | BAD_PORT)) == (IN_PORT | DIGITS) &&
                         reader->number <= PORT_MAX;
    target->port = target->port_known ? (uint16_t)reader->number : 0;
}

static enum shim_proxy_event read_http(struct shim_proxy_reader *reader, uint8_t octet,
                                       struct shim_proxy_target *target)
{
    switch ((enum phase)reader->phase) {
    case HTTP_METHOD:
        if (reader->matched < sizeof method - 1) {
            bool same = dns_lower(octet) == (uint8_t)method[reader->matched++];
            reader->phase = same ? HTTP_METHOD : OVER;
        } else {
            reader->phase = is_blank(octet) ? HTTP_BEFORE : OVER;
        }
        return reader->phase != OVER ? SHIM_PROXY_MORE : SHIM_PROXY_OVER;
    case HTTP_BEFORE:
    case HTTP_TARGET:
        if (is_blank(octet) && reader->phase == HTTP_BEFORE) {
            return SHIM_PROXY_MORE;
        }
        if (reader->phase == HTTP_BEFORE) {
            host_begin(reader);
            reader->phase = HTTP_TARGET;
        }
        if (!is_blank(octet) && !is_line_end(octet)) {
            target_octet(reader, octet);
            return SHIM_PROXY_MORE;
        }
        target_end(reader, target);
        reader->phase = octet == '\n' ? HTTP_LINE_BEGUN : HTTP_LINE;
        return SHIM_PROXY_TARGET;
    case HTTP_LINE:
        reader->phase = octet == '\n' ? HTTP_LINE_BEGUN : HTTP_LINE;
        return SHIM_PROXY_MORE;
    default: /* HTTP_LINE_BEGUN */
        if (octet == '\n') {
            *reader = (struct shim_proxy_reader){.phase = START};
        } else if (octet == TLS_HANDSHAKE) {
            reader->phase = OVER; /* this is no field's name: the program left out the empty line */
            return SHIM_PROXY_OVER;
        } else if (octet != '\r') {
            reader->phase = HTTP_LINE;
        }
        return SHIM_PROXY_MORE;
    }
}

/* ---- SOCKS ---- */

static void expect(struct shim_proxy_reader *reader, enum phase phase, unsigned octets)
{
    reader->phase = (uint8_t)phase;
    reader->left = (uint16_t)octets;
}

/* An address of 0.0.0.x, x not being 0, stands for a name. */
static void read_socks4_address(struct shim_proxy_reader *reader, uint8_t octet)
{
    if (reader->left == 1) {
        reader->flags = reader->matched == 0 && octet != 0 ? SOCKS4A : 0;
        reader->phase = SOCKS4_USER;
    } else {
        reader->matched |= octet;
        reader->left--;
    }
}

/* `host`: 0 for an address. Another request may follow. */
static enum shim_proxy_event socks_end(struct shim_proxy_reader *reader, uint64_t host,
                                       uint32_t port, struct shim_proxy_target *target)
{
    *target = (struct shim_proxy_target){.host = host, .port = (uint16_t)port, .port_known = true};
    *reader = (struct shim_proxy_reader){.phase = START};
    return SHIM_PROXY_TARGET;
}

/* The program speaks to a proxy in a way that we do not know. */
static enum shim_proxy_event socks_unread(struct shim_proxy_reader *reader)
{
    reader->phase = OVER;
    return SHIM_PROXY_UNREAD;
}

static enum shim_proxy_event read_socks4(struct shim_proxy_reader *reader, uint8_t octet,
                                         struct shim_proxy_target *target)
{
    switch ((enum phase)reader->phase) {
    case SOCKS4_COMMAND:
        reader->number = 0;
        expect(reader, SOCKS4_PORT, 2);
        return SHIM_PROXY_MORE;
    case SOCKS4_PORT:
        reader->number = reader->number << 8 | octet;
        if (--reader->left == 0) {
            reader->matched = 0;
            expect(reader, SOCKS4_ADDRESS, 4);
        }
        return SHIM_PROXY_MORE;
    case SOCKS4_ADDRESS:
        read_socks4_address(reader, octet);
        return SHIM_PROXY_MORE;
    case SOCKS4_USER:
        if (octet != 0) {
            return SHIM_PROXY_MORE;
        }
        if ((reader->flags & SOCKS4A) == 0) {
            return socks_end(reader, 0, reader->number, target);
        }
        uint32_t port = reader->number;
        host_begin(reader);
        reader->number = port;
        reader->phase = SOCKS4A_HOST;
        return SHIM_PROXY_MORE;
    default: /* SOCKS4A_HOST */
        if (octet == 0) {
            return socks_end(reader, host_end(reader), reader->number, target);
        }
        host_octet(reader, octet);
        return SHIM_PROXY_MORE;
    }
}

/* Methods, and a user's name and password. */
static enum shim_proxy_event read_socks5_greeting(struct shim_proxy_reader *reader, uint8_t octet)
{
    switch ((enum phase)reader->phase) {
    case SOCKS5_COUNT:
        reader->methods = 0;
        expect(reader, octet != 0 ? SOCKS5_METHODS : OVER, octet);
        return octet != 0 ? SHIM_PROXY_MORE : SHIM_PROXY_OVER;
    case SOCKS5_METHODS:
        if (octet < 8) {
            reader->methods |= (uint8_t)(1U << octet);
        }
        if (--reader->left == 0) {
            reader->phase = SOCKS5_CHOSEN;
        }
        return SHIM_PROXY_MORE;
    case SOCKS5_CHOSEN:
        if (octet == NEGOTIATION && (reader->methods & 1U << METHOD_PASSWORD) != 0) {
            reader->phase = SOCKS5_USER_LENGTH;
            return SHIM_PROXY_MORE;
        }
        /* fall through */
    case SOCKS5_REQUEST:
        if (octet != SOCKS5) {
            return socks_unread(reader);
        }
        reader->phase = SOCKS5_COMMAND;
        return SHIM_PROXY_MORE;
    case SOCKS5_USER_LENGTH:
        expect(reader, octet != 0 ? SOCKS5_USER : SOCKS5_PASSWORD_LENGTH, octet);
        return SHIM_PROXY_MORE;
    case SOCKS5_USER:
        if (--reader->left == 0) {
            reader->phase = SOCKS5_PASSWORD_LENGTH;
        }
        return SHIM_PROXY_MORE;
    case SOCKS5_PASSWORD_LENGTH:
        expect(reader, octet != 0 ? SOCKS5_PASSWORD : SOCKS5_REQUEST, octet);
        return SHIM_PROXY_MORE;
    default: /* SOCKS5_PASSWORD */
        if (--reader->left == 0) {
            reader->phase = SOCKS5_REQUEST;
        }
        return SHIM_PROXY_MORE;
    }
}

static enum shim_proxy_event read_socks5_address_type(struct shim_proxy_reader *reader,
                                                      uint8_t octet)
{
    enum { IPV4 = 1, DOMAIN_NAME = 3, IPV6 = 4 };
    host_begin(reader);
    switch (octet) {
    case IPV4:
        expect(reader, SOCKS5_ADDRESS, 4);
        return SHIM_PROXY_MORE;
    case DOMAIN_NAME:
        reader->phase = SOCKS5_HOST_LENGTH;
        return SHIM_PROXY_MORE;
    case IPV6:
        expect(reader, SOCKS5_ADDRESS, 16);
        return SHIM_PROXY_MORE;
    default:
        return socks_unread(reader);
    }
}

static enum shim_proxy_event read_socks5_request(struct shim_proxy_reader *reader, uint8_t octet,
                                                 struct shim_proxy_target *target)
{
    switch ((enum phase)reader->phase) {
    case SOCKS5_COMMAND:
        reader->phase = SOCKS5_RESERVED;
        return SHIM_PROXY_MORE;
    case SOCKS5_RESERVED:
        reader->phase = SOCKS5_ADDRESS_TYPE;
        return SHIM_PROXY_MORE;
    case SOCKS5_ADDRESS_TYPE:
        return read_socks5_address_type(reader, octet);
    case SOCKS5_HOST_LENGTH:
        expect(reader, octet != 0 ? SOCKS5_HOST : SOCKS5_PORT, octet != 0 ? octet : 2);
        return SHIM_PROXY_MORE;
    case SOCKS5_HOST:
    case SOCKS5_ADDRESS:
        if (reader->phase == SOCKS5_HOST) {
            host_octet(reader, octet);
            reader->named = host_end(reader);
        }
        if (--reader->left == 0) {
            expect(reader, SOCKS5_PORT, 2);
        }
        return SHIM_PROXY_MORE;
    default: /* SOCKS5_PORT */
        reader->number = reader->number << 8 | octet;
        return --reader->left == 0 ? socks_end(reader, reader->named, reader->number, target)
                                   : SHIM_PROXY_MORE;
    }
}

/* ---- the interface ---- */

bool shim_proxy_may_begin(uint8_t octet)
{
    return octet == SOCKS4 || octet == SOCKS5 || octet == NEGOTIATION || dns_lower(octet) == 'c' ||
           is_blank(octet) || is_line_end(octet);
}

static enum shim_proxy_event read_start(struct shim_proxy_reader *reader, uint8_t octet)
{
    if (octet == SOCKS4) {
        reader->phase = SOCKS4_COMMAND;
    } else if (octet == SOCKS5) {
        reader->phase = SOCKS5_COUNT;
    } else if (dns_lower(octet) == (uint8_t)method[0]) {
        reader->matched = 1;
        reader->phase = HTTP_METHOD;
    } else if (!is_blank(octet) && !is_line_end(octet)) {
        /* RFC 9112, 2.2: servers take empty lines before a request. */
        reader->phase = OVER;
    }
    return reader->phase != OVER ? SHIM_PROXY_MORE : SHIM_PROXY_OVER;
}

enum shim_proxy_event shim_proxy_read(struct shim_proxy_reader *reader, uint8_t octet,
                                      struct shim_proxy_target *target)
{
    enum phase phase = (enum phase)reader->phase;
    if (phase == START) {
        return read_start(reader, octet);
    }
    if (phase >= OVER) {
        return SHIM_PROXY_OVER;
    }
    if (phase <= HTTP_LINE_BEGUN) {
        return read_http(reader, octet, target);
    }
    if (phase <= SOCKS4A_HOST) {
        return read_socks4(reader, octet, target);
    }
    return phase <= SOCKS5_REQUEST ? read_socks5_greeting(reader, octet)
                                   : read_socks5_request(reader, octet, target);
}

bool shim_proxy_datagram(const uint8_t *octets, size_t length, size_t *header, uint16_t *port)
{
    enum { FIXED = 4, IPV4 = 1, DOMAIN_NAME = 3, IPV6 = 4 };
    if (length <= FIXED || octets[0] != 0 || octets[1] != 0) {
        return false;
    }
    size_t address = 0;
    switch (octets[3]) {
    case IPV4:
        address = 4;
        break;
    case DOMAIN_NAME:
        address = 1 + (size_t)octets[FIXED];
        break;
    case IPV6:
        address = 16;
        break;
    default:
        return false;
    }
    if (length < FIXED + address + 2) {
        return false;
    }
    *port = (uint16_t)(octets[FIXED + address] << 8 | octets[FIXED + address + 1]);
    *header = FIXED + address + 2;
    return true;
}
