/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the stub share. The stub links libc only; it may run before its own constructor
 * and inside signal handlers' reach (connect), so everything here is lazy, lock-free or both.
 */
#ifndef SHIM_STUB_STUB_H
#define SHIM_STUB_STUB_H

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>

#include "shim/common/abi.h"
#include "shim/common/hold.h"
#include "shim/common/mode.h"

#define SHIM_EXPORT __attribute__((visibility("default")))

/* ---- real.c: the real functions ---- */

/* The loader's dlsym. */
void *stub_real_dlsym(void *handle, const char *name);
/* A function of a library, or of what it needs, by its name: in the type that its header gives it.
 * NULL: there is none. */
#define STUB_FIND(library, name) ((__typeof__(&name))stub_real_dlsym((library)->handle, #name))
/*
 * For a hook of family LIBC: the next function of this name, which is libc's own or another
 * preload's; libc's own; and the first of all preloads, which is what a call of the program's would
 * come to. NULL only on a libc without it. No lock, no memory.
 */
void *stub_libc(enum shim_hook hook);
void *stub_libc_front(enum shim_hook hook);
void *stub_libc_own(enum shim_hook hook);
/* The object that an address lies in, our own, and the first one of the namespace of an object
 * (the program). */
const struct link_map *stub_object_at(const void *address);
const struct link_map *stub_object(void);
const struct link_map *stub_first_object(const struct link_map *object);
/* Was an object there when the program started? */
bool stub_is_early(const struct link_map *object);
/* Is it a copy of this stub, as each namespace of dlmopen has one in front? */
bool stub_is_stub(const struct link_map *object);
/* Is it a part of the C library? */
bool stub_is_c_library(const struct link_map *object);
/* Do calls of a hook lead on to this object, another preload that has the function too? */
bool stub_calls_back(const struct link_map *object, enum shim_hook hook);
/* The exported name of a hook, and its family. */
const char *stub_hook_name(enum shim_hook hook);
enum shim_family stub_hook_family(enum shim_hook hook);
/* The library that an address (a function of it, an SSL_METHOD) lies in; made known if it is new.
 * NULL if it has no handle. */
struct shim_library *stub_library_at(enum shim_family family, const void *address);
/* Does a return address lie in the library: has it called its own function, by way of our hook?
 * Async-signal-safe. */
bool stub_library_calls(const struct shim_library *library, const void *caller);
/*
 * The library whose function `hook` a caller means: the only one of its family, or the one that
 * made `ssl` (may be NULL), or the one that the loader would have bound the caller to. NULL if
 * there is none.
 */
struct shim_library *stub_library(enum shim_hook hook, const SSL *ssl, const void *caller);
/* The function itself that the loader would have bound a caller to, if it is in no library that we
 * know; NULL: there is none. */
void *stub_bound(enum shim_hook hook, const void *caller);

/* ---- settings.c: settings; async-signal-safe once the constructor ran ---- */

const struct shim_conf *stub_conf(void);
/* False: this thread is just reading them, and strict counts meanwhile. */
bool stub_settings_known(void);
/* What holds for no host in particular; NULL: nobody says anything. */
const char *stub_setting(enum shim_conf_key key);
/* That value (it may be NULL), and those of all hosts. */
void stub_each_value(enum shim_conf_key key, void (*see)(void *context, const char *value),
                     void *context);
/* The mode where no host is known, and that of a host. */
enum shim_mode stub_mode(void);
enum shim_mode stub_mode_of(const char *host);
/* Has a host another mode than stub_mode? Is strict the mode of any host; is off that of all? */
bool stub_modes_differ(void);
bool stub_strict_somewhere(void);
bool stub_off(void);
/* Is it known to be off? The settings are not read for this. */
bool stub_known_off(void);

/* ---- protection.c ---- */

/* Must names of the program, or some of them, not be asked for in the clear? This one? */
bool stub_names_protected(void);
bool stub_name_is_protected(const char *host);

/* ---- inside.c: work of ours in a thread of the program ---- */

/* While the calling thread reads the settings or loads the engine every hook passes: they use what
 * is hooked. No handler of the program runs meanwhile, so that none can jump out. */
struct stub_inside {
    struct shim_hold hold;
    bool before;
};
void stub_enter(struct stub_inside *entered);
void stub_leave(const struct stub_inside *entered);
bool stub_inside(void);

/* pthread_once, of which no handler of the program jumps out: later calls would wait for ever. */
struct stub_once {
    pthread_once_t once;
    atomic_bool done;
};
#define STUB_ONCE_INIT                                                                             \
    {                                                                                              \
        .once = PTHREAD_ONCE_INIT                                                                  \
    }
void stub_once(struct stub_once *once, void (*make)(void));
/* It was done, and is to be done anew by the next call. */
void stub_once_again(struct stub_once *once);

/* ---- engine_slot.c: what became of the engine ---- */

/* NULL: it could not be loaded. */
void stub_engine_set(const struct shim_engine *engine);
/* The engine, without loading it: what hooks on the data path ask. NULL also if we are inside. */
const struct shim_engine *stub_engine_if_loaded(void);
/* True if it could not be loaded so far. */
bool stub_engine_missing(void);

/* ---- load_engine.c ---- */

/*
 * The engine, loaded at the first call; NULL if the mode is off, if we are inside, or if it cannot
 * be loaded. A failure is said once on standard error; the attempt is made again after a second.
 */
const struct shim_engine *stub_engine(void);
/* True if TLS has to be refused because strict mode has no engine. */
bool stub_must_refuse(void);

/* ---- company.c ---- */

/* Is there another library between the program and the C library's connect or getaddrinfo? */
bool stub_in_company(void);
/* Is it known that there is none? Async-signal-safe: it is not looked for. */
bool stub_known_alone(void);

/* ---- connections.c ---- */

/* The program is about to call `connect`; false: there is nothing to be noted. *socket is the
 * identity of what it connects. Async-signal-safe. */
bool stub_connection_begins(int fd, uint64_t *socket);
/* It has, and the connection is there or being made. Async-signal-safe. Keeps errno. */
void stub_connection_begun(int fd, uint64_t socket, const struct sockaddr *address,
                           socklen_t length);
size_t stub_connections(struct shim_connection *out, size_t max);
/* The port that a descriptor was last seen to be connected to. Async-signal-safe. */
bool stub_connection_port(int fd, uint16_t *port);

/* ---- guard_report.c ---- */

/* The path of the executable, read once at the start; NULL: not known, or nobody asked for a
 * report or a log. */
const char *stub_program(void);

/* ---- refusals_openssl.c: refusals without an engine, and how OpenSSL tells of one ---- */

/* Must a call that may start a handshake fail, since there is no engine? Tells of it if so. */
bool stub_openssl_must_refuse(const struct shim_library *library, SSL *ssl, bool connect);
/* Is this the first refusal of a handshake of this SSL, over this descriptor (-1: hidden), for this
 * name (may be NULL)? */
bool stub_openssl_first_refusal(const SSL *ssl, int fd, const char *name);
/* Leaves the reason in the error queue of the library, ECONNABORTED in errno, and SSL_ERROR_SSL for
 * SSL_get_error. */
void stub_openssl_refuse(const struct shim_library *library, const SSL *ssl);
/* The guard has refused a write of this caller. If it is libcrypto, within a handshake that no hook
 * saw begin, the reason goes into its error queue. Keeps errno. */
void stub_openssl_write_refused(const void *caller);
/* The library makes the next call on this SSL itself, so its own word on errors holds again. */
void stub_openssl_let(const SSL *ssl);
/* Did the last call of this thread on this SSL fail because stub_openssl_refuse or
 * stub_openssl_write_refused left an entry in the error queue? */
bool stub_openssl_refused_last(const struct shim_library *library, const SSL *ssl);

/* ---- hooks_own_ech.c ---- */

/* Was an ECHConfig set for this SSL, as far as its library tells, or else for any? Keeps errno and
 * the error queue. */
bool stub_own_ech(const struct shim_library *library, const SSL *ssl);

/* ---- hook_table.c ---- */

/* Our own exported function for a hook, whatever the program exports; and the one that leads on to
 * libc's own (shim/stub/direct.h), NULL if it has none. */
void *stub_hook_address(enum shim_hook hook);
void *stub_hook_direct(enum shim_hook hook);

#endif
