/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/go/plan.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "tools/echshim/go/types.h"

#define PACKAGE "crypto/tls"
#define CONN PACKAGE ".(*Conn)"
#define HANDSHAKE ".clientHandshake"

/* ---- other TLS clients ---- */

#define CGO "_Cfunc_"

/* A part of a function's name that shows who else speaks TLS in the program. */
struct mark {
    const char *part;
    enum go_way way;
};

static const struct mark marks[] = {
    {"crypto/internal/boring/sig.BoringCrypto", GO_WAY_BORING},
    {"_goboringcrypto_", GO_WAY_BORING},
    {"_goopenssl_", GO_WAY_BORING}, /* another library in the same place */
    {CGO "SSL_", GO_WAY_SECOND},
    {CGO "BIO_", GO_WAY_SECOND},
    {CGO "gnutls_", GO_WAY_SECOND},
    {CGO "mbedtls_ssl_", GO_WAY_SECOND},
    {CGO "wolfSSL_", GO_WAY_SECOND},
    {CGO "curl_easy_", GO_WAY_SECOND},
    {CGO "rustls_", GO_WAY_SECOND},
    {"refraction-networking/utls.", GO_WAY_SECOND},
    {"bifurcation/mint.", GO_WAY_SECOND},
};

static enum go_way note(struct go_plan *plan, enum go_way way, const char *name)
{
    (void)snprintf(plan->found, sizeof plan->found, "%s", name);
    return way;
}

/* A copy of crypto/tls has the method of its Conn under another package: uTLS and its copies,
 * zcrypto, the qtls of older quic-go. */
static const char *find_copy(const struct go_functions *functions)
{
    static const char method[] = ".(*Conn)" HANDSHAKE;
    const char *name = NULL;
    while ((name = go_functions_name(functions, method, name)) != NULL) {
        size_t length = strlen(name);
        if (strcmp(name + length - strlen(method), method) == 0 &&
            strcmp(name, CONN HANDSHAKE) != 0) {
            break;
        }
    }
    return name;
}

/* NONE: crypto/tls is alone. */
static enum go_way find_company(struct go_plan *plan, const struct go_functions *functions)
{
    const char *name = find_copy(functions);
    if (name != NULL) {
        return note(plan, GO_WAY_SECOND, name);
    }
    /* Each search reads all names. Most programs have none of cgo's. */
    bool cgo = go_functions_name(functions, CGO, NULL) != NULL;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!cgo && strncmp(marks[i].part, CGO, strlen(CGO)) == 0) {
            continue;
        }
        name = go_functions_name(functions, marks[i].part, NULL);
        if (name != NULL) {
            return note(plan, marks[i].way, name);
        }
    }
    return GO_WAY_NONE;
}

/* ---- what the detour needs ---- */

static bool miss(struct go_plan *plan, const char *name)
{
    (void)snprintf(plan->found, sizeof plan->found, "%s", name);
    return false;
}

struct needed_function {
    const char *name;
    bool assembler;
    uint64_t *out;
};

static bool find_functions(struct go_plan *plan, const struct go_functions *functions)
{
    const struct needed_function needed[] = {
        {CONN HANDSHAKE, false, &plan->function.client_handshake},
        {PACKAGE ".(*clientHandshakeStateTLS13).sendClientFinished", false,
         &plan->function.client_finished},
        {"runtime.systemstack", true, &plan->function.system_stack},
        {"runtime.newobject", false, &plan->function.new_object},
        {"runtime.makeslice", false, &plan->function.make_slice},
        {"runtime.typedmemmove", false, &plan->function.typed_move},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!go_functions_entry(functions, needed[i].name, needed[i].assembler, needed[i].out)) {
            return miss(plan, needed[i].name);
        }
    }
    return (go_prologue_read(&plan->handshake_prologue, functions->image,
                             plan->function.client_handshake) ||
            miss(plan, needed[0].name)) &&
           (go_prologue_read(&plan->finished_prologue, functions->image,
                             plan->function.client_finished) ||
            miss(plan, needed[1].name));
}

struct needed_field {
    const char *name;
    enum go_kind kind;
    uint64_t *out;
};

static bool find_fields(struct go_plan *plan, const struct go_image *image, uint64_t type,
                        const struct needed_field *needed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct go_field field;
        if (!go_type_field(image, type, needed[i].name, &field) ||
            go_type_kind(image, field.type) != needed[i].kind) {
            return miss(plan, needed[i].name);
        }
        *needed[i].out = field.offset;
    }
    return true;
}

/* ---- the descriptor of a connection ---- */

static bool find_field(const struct go_image *image, uint64_t type, const char *name,
                       enum go_kind kind, struct go_field *field)
{
    return go_type_field(image, type, name, field) && go_type_kind(image, field->type) == kind;
}

/* tls.Conn.conn, which is a *net.TCPConn, has conn.fd, which leads to pfd.Sysfd. A program where
 * this is otherwise is led all the same: then nobody knows where its connections go. */
static void find_descriptor(struct go_plan *plan, const struct go_functions *functions,
                            uint64_t conn)
{
    const struct go_image *image = functions->image;
    struct go_field inner;
    struct go_field embedded;
    struct go_field pointer;
    struct go_field poller;
    struct go_field descriptor;
    uint64_t type;
    uint64_t tcp;
    uint64_t network;
    if (!find_field(image, conn, "conn", GO_KIND_INTERFACE, &inner) ||
        !go_type_find(functions, "net.TCPConn", "net", &type) ||
        !go_type_pointer(functions, type, &tcp) ||
        !find_field(image, type, "conn", GO_KIND_STRUCT, &embedded) ||
        !find_field(image, embedded.type, "fd", GO_KIND_POINTER, &pointer) ||
        !go_type_element(image, pointer.type, &network) ||
        !find_field(image, network, "pfd", GO_KIND_STRUCT, &poller) ||
        !find_field(image, poller.type, "Sysfd", GO_KIND_INT, &descriptor)) {
        return;
    }
    plan->type.tcp = tcp;
    plan->type.inner = inner.type;
    plan->offset.connection = inner.offset;
    plan->offset.network = embedded.offset + pointer.offset;
    plan->offset.descriptor = poller.offset + descriptor.offset;
}

/* ---- all types ---- */

#define LIST_FIELD "EncryptedClientHelloConfigList"

/* The descriptors of Config, of its list and of its mutex follow from that of Conn. */
static enum go_way find_types(struct go_plan *plan, const struct go_functions *functions)
{
    const struct go_image *image = functions->image;
    uint64_t conn;
    struct go_field field;
    if (!go_type_find(functions, "tls.Conn", PACKAGE, &conn) ||
        !go_type_field(image, conn, "config", &field) ||
        go_type_kind(image, field.type) != GO_KIND_POINTER ||
        !go_type_element(image, field.type, &plan->type.config) ||
        go_type_kind(image, plan->type.config) != GO_KIND_STRUCT) {
        (void)miss(plan, "tls.Conn");
        return GO_WAY_UNKNOWN;
    }
    plan->type.pointer = field.type;
    plan->offset.config = field.offset;
    if (!go_type_field(image, plan->type.config, LIST_FIELD, &field)) {
        return GO_WAY_OLD;
    }
    const struct needed_field of_conn[] = {{"echAccepted", GO_KIND_BOOL, &plan->offset.accepted}};
    const struct needed_field of_config[] = {
        {"ServerName", GO_KIND_STRING, &plan->offset.name},
        {LIST_FIELD, GO_KIND_SLICE, &plan->offset.list},
        {"MinVersion", GO_KIND_UINT16, &plan->offset.minimum},
        {"MaxVersion", GO_KIND_UINT16, &plan->offset.maximum},
        {"mutex", GO_KIND_STRUCT, &plan->offset.mutex},
    };
    bool known = go_type_element(image, field.type, &plan->type.octet) &&
                 go_type_kind(image, plan->type.octet) == GO_KIND_UINT8 &&
                 find_fields(plan, image, conn, of_conn, sizeof of_conn / sizeof *of_conn) &&
                 find_fields(plan, image, plan->type.config, of_config,
                             sizeof of_config / sizeof *of_config) &&
                 go_type_field(image, plan->type.config, "mutex", &field);
    plan->mutex_size = known ? go_type_size(image, field.type) : 0;
    find_descriptor(plan, functions, conn);
    return known ? GO_WAY_READY : GO_WAY_UNKNOWN;
}

/* ---- settings of Go's runtime (GODEBUG) ---- */

/* 1: fips140=only, 0: another value, -1: nothing of it. The last word counts. */
static int fips_of(const char *text, size_t length)
{
    static const char key[] = "fips140=";
    static const char only[] = "only";
    const char *end = text + length;
    int found = -1;
    while (text < end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t word = (size_t)((comma != NULL ? comma : end) - text);
        if (word >= strlen(key) && memcmp(text, key, strlen(key)) == 0) {
            found = word == strlen(key) + strlen(only) &&
                    memcmp(text + strlen(key), only, strlen(only)) == 0;
        }
        text += word + 1;
    }
    return found;
}

bool go_plan_only_fips(const struct go_plan *plan, const char *variable)
{
    int found = variable != NULL ? fips_of(variable, strlen(variable)) : -1;
    return found >= 0 ? found != 0 : plan->only_fips;
}

/* The settings in the lines of a build. */
static bool is_built_only_fips(const char *lines, size_t length)
{
    static const char key[] = "\tDefaultGODEBUG=";
    const char *end = lines + length;
    const char *at = memmem(lines, length, key, sizeof key - 1);
    if (at == NULL) {
        return false;
    }
    at += sizeof key - 1;
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    return fips_of(at, (size_t)((stop != NULL ? stop : end) - at)) == 1;
}

/* ---- what the linker tells of the build ---- */

/* A number in seven bits an octet, least first, moves *at behind it. */
static bool take_length(const uint8_t **at, const uint8_t *end, size_t *length)
{
    enum { OCTETS_MAX = 4 };
    *length = 0;
    for (unsigned i = 0; i < OCTETS_MAX && *at < end; i++) {
        uint8_t octet = *(*at)++;
        *length |= (size_t)(octet & 0x7f) << 7 * i;
        if (octet < 0x80) {
            return *length <= (size_t)(end - *at);
        }
    }
    return false;
}

/* "\xff Go buildinf:", the size of a pointer, flags, at 32 the version and the lines of the build,
 * each with its length (source: debug/buildinfo). The version is for the user only. */
static bool read_build(struct go_plan *plan, const struct go_image *image,
                       const struct go_segment *segment)
{
    static const char magic[] = "\xff Go buildinf:";
    enum { FLAGS = 15, INLINE = 2, STRINGS = 32, ALIGNMENT = 16 };
    const uint8_t *at = image->octets + segment->offset;
    const uint8_t *end = at + segment->size;
    for (; (at = memmem(at, (size_t)(end - at), magic, sizeof magic - 1)) != NULL; at++) {
        size_t size;
        if ((size_t)(at - image->octets) % ALIGNMENT != 0 || end - at <= STRINGS) {
            continue;
        }
        const uint8_t *text = at + STRINGS;
        if ((at[FLAGS] & INLINE) == 0 || !take_length(&text, end, &size) ||
            size >= sizeof plan->version || memchr(text, 0, size) != NULL) {
            continue;
        }
        memcpy(plan->version, text, size);
        plan->version[size] = '\0';
        text += size;
        if (take_length(&text, end, &size)) {
            plan->only_fips = is_built_only_fips((const char *)text, size);
        }
        return true;
    }
    return false;
}

/* A linker that was told to leave all of that out leaves the settings themselves. */
static bool has_settings(const struct go_image *image, const struct go_segment *segment)
{
    static const char only[] = "fips140=only";
    return memmem(image->octets + (size_t)segment->offset, (size_t)segment->size, only,
                  sizeof only - 1) != NULL;
}

/* It stands in the data, in the last segments. */
static bool find_build(struct go_plan *plan, const struct go_image *image)
{
    for (size_t i = image->segment_count; i > 0; i--) {
        const struct go_segment *segment = &image->segments[i - 1];
        if (!segment->executable && read_build(plan, image, segment)) {
            return true;
        }
    }
    for (size_t i = 0; i < image->segment_count && !plan->only_fips; i++) {
        plan->only_fips = has_settings(image, &image->segments[i]);
    }
    return false;
}

/* ---- the file ---- */

static enum go_way read_functions(struct go_plan *plan, const struct go_functions *functions)
{
    enum go_way way = find_company(plan, functions);
    if (way != GO_WAY_NONE) {
        return way;
    }
    if (go_functions_name(functions, CONN HANDSHAKE, NULL) == NULL) {
        return GO_WAY_NO_TLS;
    }
    way = find_types(plan, functions);
    if (way != GO_WAY_READY) {
        return way;
    }
    if (functions->image->machine != EM_X86_64) {
        return GO_WAY_MACHINE;
    }
    return find_functions(plan, functions) ? GO_WAY_READY : GO_WAY_UNKNOWN;
}

enum go_way go_plan_read(struct go_plan *plan, const uint8_t *octets, size_t length)
{
    struct go_image image;
    struct go_functions functions;
    enum go_way way = GO_WAY_UNKNOWN;
    *plan = (struct go_plan){.version = ""};
    if (!go_image_open(&image, octets, length)) {
        return GO_WAY_NONE;
    }
    bool built = find_build(plan, &image);
    plan->moves = image.moves;
    plan->start = image.start;
    switch (go_functions_find(&functions, &image)) {
    case GO_FUNCTIONS_NONE:
        way = built ? GO_WAY_UNKNOWN : GO_WAY_NONE;
        break;
    case GO_FUNCTIONS_OLD:
        way = GO_WAY_OLD;
        break;
    case GO_FUNCTIONS_UNKNOWN:
        way = GO_WAY_UNKNOWN;
        break;
    case GO_FUNCTIONS_FOUND:
        way = read_functions(plan, &functions);
        break;
    }
    go_image_close(&image);
    return way;
}

const char *go_plan_why(enum go_way way, const struct go_plan *plan, char *out, size_t size)
{
    switch (way) {
    case GO_WAY_NONE:
    case GO_WAY_READY:
        return NULL;
    case GO_WAY_NO_TLS:
        return "it is a Go program without crypto/tls";
    case GO_WAY_MACHINE:
        return "Go programs for this processor cannot be led";
    case GO_WAY_OLD:
        return "its Go has no ECH, which came with 1.23";
    case GO_WAY_BORING:
        return "it is a Go program that was built with BoringCrypto";
    case GO_WAY_FIPS:
        return "its Go has fips140=only, which allows no X25519, and ECH needs it";
    case GO_WAY_SECOND:
        (void)snprintf(out, size, "it is a Go program with a second TLS client (%s)", plan->found);
        return out;
    case GO_WAY_UNKNOWN:
        break;
    }
    (void)snprintf(out, size, "its Go is not one that is known here%s%s%s",
                   plan->found[0] != '\0' ? " (" : "", plan->found,
                   plan->found[0] != '\0' ? ")" : "");
    return out;
}
