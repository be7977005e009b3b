/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "go_rig.h"

#include <elf.h>
#include <string.h>

enum {
    CODE = 0x200,
    TABLE = 0x400,
    NAMES = 0x80,
    ENTRIES = 0x600,
    RECORDS = 0x700,
    TYPES = 0x1200,
    TYPE_STRIDE = 0x80,
    TYPE_NAMES = 0xa00,
    FIELDS = 0xe00,
    RELOCATIONS = 0x2800,
    DYNAMIC = 0x3f00,
    BUILD = 0x3e00,
};

struct rig {
    uint8_t *out;
    const struct go_rig_options *options;
    size_t relocations;
    size_t names;  /* the next free place for a name of a type */
    size_t fields; /* for a field */
};

static void put(struct rig *rig, size_t at, const void *octets, size_t length)
{
    memcpy(rig->out + at, octets, length);
}

static void put_number(struct rig *rig, size_t at, uint64_t number, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        rig->out[at + i] = (uint8_t)(number >> 8 * i);
    }
}

static uint64_t base_of(const struct rig *rig)
{
    return rig->options->moves ? 0 : GO_RIG_BASE;
}

/* `to` is a place in the file. */
static void put_pointer(struct rig *rig, size_t at, size_t to)
{
    if (!rig->options->moves) {
        put_number(rig, at, GO_RIG_BASE + to, 8);
        return;
    }
    size_t entry = RELOCATIONS + rig->relocations++ * sizeof(Elf64_Rela);
    put_number(rig, entry, at, 8);
    put_number(rig, entry + 8, R_X86_64_RELATIVE, 8);
    put_number(rig, entry + 16, to, 8);
}

/* ---- functions ---- */

static const char *const functions[] = {
    "runtime.systemstack",
    "runtime.newobject",
    "runtime.makeslice",
    "runtime.typedmemmove",
    "crypto/tls.(*Conn).clientHandshake",
    "crypto/tls.(*clientHandshakeStateTLS13).sendClientFinished",
    NULL, /* one more */
};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void put_function(struct rig *rig, size_t index, const char *name, size_t *name_at)
{
    static const uint8_t usual[16] = {0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 4, 0, 0, 0};
    size_t record = RECORDS + index * 64;
    const uint8_t *code =
        index == 4 && rig->options->prologue != NULL ? rig->options->prologue : usual;
    put(rig, CODE + index * 32, code, sizeof usual);
    put_number(rig, TABLE + ENTRIES + index * 8, index * 32, 4);
    put_number(rig, TABLE + ENTRIES + index * 8 + 4, record - ENTRIES, 4);
    put_number(rig, TABLE + record, index * 32, 4);
    put_number(rig, TABLE + record + 4, *name_at - NAMES, 4);
    rig->out[TABLE + record + 41] = index == 0 ? 4 : 0;
    put(rig, TABLE + *name_at, name, strlen(name) + 1);
    *name_at += strlen(name) + 1;
}

static void put_functions(struct rig *rig)
{
    size_t name_at = NAMES;
    size_t count = 0;
    for (size_t i = 0; i < FUNCTIONS; i++) {
        const char *name = functions[i] != NULL ? functions[i] : rig->options->function;
        if (name == NULL) {
            continue;
        }
        if (rig->options->without != NULL && strcmp(name, rig->options->without) == 0) {
            name = "absent";
        }
        put_function(rig, i, name, &name_at);
        count++;
    }
    uint32_t magic = rig->options->magic != 0 ? rig->options->magic : 0xfffffff1;
    put_number(rig, TABLE, magic, 4);
    put_number(rig, TABLE + 6, 0x0801, 2);
    put_number(rig, TABLE + 8, count, 8);
    put_number(rig, TABLE + 32, NAMES, 8);
    put_number(rig, TABLE + 40, name_at, 8);
    put_number(rig, TABLE + 64, ENTRIES, 8);
}

static void put_module(struct rig *rig)
{
    put_pointer(rig, GO_RIG_MODULE, TABLE);
    put_pointer(rig, GO_RIG_MODULE + 8, TABLE + NAMES);
    put_pointer(rig, GO_RIG_MODULE + 20 * 8, CODE);
    put_pointer(rig, GO_RIG_MODULE + 22 * 8, CODE);
    put_pointer(rig, GO_RIG_MODULE + 37 * 8, TYPES);
}

/* ---- types ---- */

enum {
    CONN,
    CONFIG,
    POINTER,
    STRING,
    SLICE,
    OCTET,
    NUMBER,
    TRUTH,
    MUTEX,
    INTERFACE,
    TCP,
    TCP_POINTER,
    EMBEDDED,
    NETWORK_POINTER,
    NETWORK,
    POLLER,
    DESCRIPTOR,
};

static size_t type_at(size_t type)
{
    return TYPES + 0x80 + type * TYPE_STRIDE;
}

static size_t put_name(struct rig *rig, const char *name)
{
    size_t at = TYPES + TYPE_NAMES + rig->names;
    rig->out[at] = 1;
    rig->out[at + 1] = (uint8_t)strlen(name);
    put(rig, at + 2, name, strlen(name));
    rig->names += strlen(name) + 2;
    return at;
}

static void put_type(struct rig *rig, size_t type, uint8_t kind, uint64_t size, const char *name)
{
    size_t at = type_at(type);
    put_number(rig, at, size, 8);
    rig->out[at + 20] = 7; /* uncommon, a star too many, named */
    rig->out[at + 23] = kind;
    put_number(rig, at + 40, put_name(rig, name) - TYPES, 4);
}

static void put_element(struct rig *rig, size_t type, size_t element)
{
    put_pointer(rig, type_at(type) + 48, type_at(element));
}

static void put_field(struct rig *rig, const char *name, size_t type, uint64_t offset)
{
    size_t at = TYPES + FIELDS + rig->fields++ * 24;
    bool absent =
        rig->options->without_field != NULL && strcmp(name, rig->options->without_field) == 0;
    put_pointer(rig, at, put_name(rig, absent ? "absent" : name));
    put_pointer(rig, at + 8, type_at(type));
    put_number(rig, at + 16, offset, 8);
}

/* The fields that follow are of this type. */
static void put_fields(struct rig *rig, size_t type, size_t count)
{
    put_pointer(rig, type_at(type) + 56, TYPES + FIELDS + rig->fields * 24);
    put_number(rig, type_at(type) + 64, count, 8);
    put_number(rig, type_at(type) + 72, count, 8);
}

static void put_package(struct rig *rig, size_t type, const char *package)
{
    put_number(rig, type_at(type) + 80, put_name(rig, package) - TYPES, 4);
}

static void put_connection_types(struct rig *rig)
{
    put_type(rig, INTERFACE, 20, 16, "*net.Conn");
    put_type(rig, TCP, 25, 16, "*net.TCPConn");
    put_package(rig, TCP, "net");
    put_number(rig, type_at(TCP) + 44, type_at(TCP_POINTER) - TYPES, 4);
    put_type(rig, TCP_POINTER, 22, 8, "**net.TCPConn");
    put_type(rig, EMBEDDED, 25, 8, "*net.conn");
    put_type(rig, NETWORK_POINTER, 22, 8, "**net.netFD");
    put_type(rig, NETWORK, 25, 80, "*net.netFD");
    put_type(rig, POLLER, 25, 40, "*poll.FD");
    put_type(rig, DESCRIPTOR, 2, 8, "*int");
    put_element(rig, TCP_POINTER, TCP);
    put_element(rig, NETWORK_POINTER, NETWORK);
    put_fields(rig, TCP, 1);
    put_field(rig, "conn", EMBEDDED, 8);
    put_fields(rig, EMBEDDED, 1);
    put_field(rig, "fd", NETWORK_POINTER, 0);
    put_fields(rig, NETWORK, 1);
    put_field(rig, "pfd", POLLER, 24);
    put_fields(rig, POLLER, 1);
    put_field(rig, "Sysfd", DESCRIPTOR, 16);
}

static void put_types(struct rig *rig)
{
    const char *package = rig->options->package;
    put_type(rig, CONN, 25, 400, "*tls.Conn");
    put_package(rig, CONN, package != NULL ? package : "crypto/tls");
    put_type(rig, CONFIG, 25, 300, "*tls.Config");
    put_type(rig, POINTER, 22, 8, "**tls.Config");
    put_type(rig, STRING, 24, 16, "*string");
    put_type(rig, SLICE, 23, 24, "*[]uint8");
    put_type(rig, OCTET, 8, 1, "*uint8");
    put_type(rig, NUMBER, 9, 2, "*uint16");
    put_type(rig, TRUTH, 1, 1, "*bool");
    put_type(rig, MUTEX, 25, 24, "*sync.RWMutex");
    put_element(rig, POINTER, CONFIG);
    put_element(rig, SLICE, OCTET);
    put_fields(rig, CONN, 3);
    put_field(rig, "conn", INTERFACE, 0);
    put_field(rig, "config", POINTER, 80);
    put_field(rig, "echAccepted", TRUTH, 280);
    put_fields(rig, CONFIG, 5);
    put_field(rig, "ServerName", STRING, 128);
    put_field(rig, "MinVersion", NUMBER, 200);
    put_field(rig, "MaxVersion", NUMBER, 202);
    put_field(rig, "EncryptedClientHelloConfigList", SLICE, 232);
    put_field(rig, "mutex", MUTEX, 256);
    put_connection_types(rig);
}

/* ---- the file ---- */

static void put_headers(struct rig *rig)
{
    Elf64_Ehdr header = {.e_type = rig->options->moves ? ET_DYN : ET_EXEC,
                         .e_machine =
                             rig->options->machine != 0 ? rig->options->machine : EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_phoff = sizeof header,
                         .e_ehsize = sizeof header,
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = rig->options->moves ? 3 : 2};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    const Elf64_Phdr segments[] = {{.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_W | PF_X,
                                    .p_vaddr = base_of(rig),
                                    .p_filesz = BUILD,
                                    .p_memsz = BUILD},
                                   {.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_W,
                                    .p_offset = BUILD,
                                    .p_vaddr = base_of(rig) + BUILD,
                                    .p_filesz = GO_RIG_SIZE - BUILD,
                                    .p_memsz = GO_RIG_SIZE - BUILD},
                                   {.p_type = PT_DYNAMIC,
                                    .p_offset = DYNAMIC,
                                    .p_vaddr = DYNAMIC,
                                    .p_filesz = 3 * sizeof(Elf64_Dyn)}};
    const Elf64_Dyn dynamic[] = {
        {.d_tag = DT_RELA, .d_un.d_val = RELOCATIONS},
        {.d_tag = DT_RELASZ, .d_un.d_val = rig->relocations * sizeof(Elf64_Rela)}};
    put(rig, 0, &header, sizeof header);
    put(rig, sizeof header, segments, sizeof segments);
    put(rig, DYNAMIC, dynamic, sizeof dynamic);
}

static void put_build(struct rig *rig)
{
    static const char head[16] = "\xff Go buildinf:\x08";
    static const char version[] = "\x08go1.24.4";
    const char *build = rig->options->build;
    if (build == NULL) {
        return;
    }
    size_t said = rig->options->build_length != 0 ? rig->options->build_length : strlen(build);
    size_t at = BUILD;
    put(rig, at, head, sizeof head);
    rig->out[at + 15] = 2; /* the strings follow */
    put(rig, at + 32, version, sizeof version - 1);
    at += 32 + sizeof version - 1;
    put_number(rig, at++, 0x80 | (said & 0x7f), 1);
    put_number(rig, at++, said >> 7, 1);
    put(rig, at, build, strlen(build));
}

void go_rig_make(uint8_t out[GO_RIG_SIZE], const struct go_rig_options *options)
{
    struct rig rig = {.out = out, .options = options};
    memset(out, 0, GO_RIG_SIZE);
    put_functions(&rig);
    put_module(&rig);
    put_types(&rig);
    put_build(&rig);
    put_headers(&rig);
}
