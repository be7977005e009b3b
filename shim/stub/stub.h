/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the stub share. The stub links libc only. It may run before its own
 * constructor, and in signal handlers (connect). So everything here is lazy, lock-free or both.
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

/* ---- real.c and libraries.c: the real functions ---- */

/* The loader's own functions, for our namespace. If one fails, its message is forgotten by
 * stub_real_dlerror, since the program did not make the call. */
void *stub_real_dlsym(void *handle, const char *name);
void *stub_real_dlopen(const char *file, int mode);
const char *stub_real_dlerror(void);
/* Finds a function of a library, or of what the library needs, by name, in the type of its header.
 * NULL: there is none. */
#define STUB_FIND(library, name) ((__typeof__(&name))stub_real_dlsym((library)->handle, #name))
/*
 * For a hook of family LIBC: the next function of this name, which is libc's own or another
 * preload's; the first of all preloads, which a call of the program would reach; and libc's own.
 * NULL only on a libc without it. No lock, no memory.
 */
void *stub_libc(enum shim_hook hook);
void *stub_libc_front(enum shim_hook hook);
void *stub_libc_own(enum shim_hook hook);
/* Finds a function of the first namespace's C library, also from another namespace.
 * NULL: it has none of this name. */
void *stub_first_libc(const char *name);
/* The object that an address lies in, or NULL; our own; and the first one of the namespace of an
 * object (the program). `base` becomes the address at which the object begins. */
const struct link_map *stub_object_at(const void *address);
const struct link_map *stub_object_and_base(const void *address, const void **base);
const struct link_map *stub_object(void);
const struct link_map *stub_first_object(const struct link_map *object);
/* Was an object there when the program started? */
bool stub_is_early(const struct link_map *object);
/* Is it a copy of this stub, as each namespace of dlmopen has one in front? */
bool stub_is_stub(const struct link_map *object);
/* Is it a part of the C library? */
bool stub_is_c_library(const struct link_map *object);
/* Does a hook call on into this object, another preload that has the function too? */
bool stub_calls_back(const struct link_map *object, enum shim_hook hook);
/* The exported name of a hook, and its family. */
const char *stub_hook_name(enum shim_hook hook);
enum shim_family stub_hook_family(enum shim_hook hook);
/* The library that an address lies in (of a function, of an SSL_METHOD). Adds it if it is new.
 * NULL: it has no handle. */
struct shim_library *stub_library_at(enum shim_family family, const void *address);
/* Has the library called its own function, through our hook? `caller` is the return address.
 * Async-signal-safe. */
bool stub_library_calls(const struct shim_library *library, const void *caller);
/*
 * The library that a caller of `hook` means: the program's own if a detour called (detours.h), or
 * the one whose function it took from dlsym, or the one that made the object (an SSL or a session;
 * may be NULL), or the one that the loader would have bound the caller to, or the only one. NULL:
 * there is none, or it has no such function.
 */
struct shim_library *stub_library(enum shim_hook hook, const void *object, const void *caller);
/* What dlsym hands out for the function of this library: our hook, or an entry of it (entries.h).
 */
void *stub_hook_for(const struct shim_library *library, enum shim_hook hook);
/* The function that the loader would have bound a caller to, in a library that we do not know.
 * NULL: there is none. */
void *stub_bound(enum shim_hook hook, const void *caller);

/* ---- settings.c: settings; async-signal-safe once the constructor ran ---- */

const struct shim_conf *stub_conf(void);
/* False: this thread is reading them right now. Meanwhile strict counts. */
bool stub_settings_known(void);
/* The value for no particular host; NULL: it is not set. */
const char *stub_setting(enum shim_conf_key key);
/* Calls `see` with that value (it may be NULL) and with those of all hosts. */
void stub_each_value(enum shim_conf_key key, void (*see)(void *context, const char *value),
                     void *context);
/* The mode where no host is known, and that of a host. */
enum shim_mode stub_mode(void);
enum shim_mode stub_mode_of(const char *host);
/* Has a host another mode than stub_mode? Is any host strict? Are all hosts off? */
bool stub_modes_differ(void);
bool stub_strict_somewhere(void);
bool stub_off(void);
/* Is the shim known to be off? Does not read the settings. */
bool stub_known_off(void);

/* ---- protection.c ---- */

/* Must some names of the program not go out in the clear? Must this one not? */
bool stub_names_protected(void);
bool stub_name_is_protected(const char *host);

/* ---- inside.c: our own work in a thread of the program ---- */

/* While the calling thread reads the settings or loads the engine, every hook lets its calls pass,
 * because that work uses hooked functions. No signal handler of the program runs meanwhile, so none
 * can jump out. */
struct stub_visit {
    struct shim_hold hold;
    bool before;
};
void stub_enter(struct stub_visit *entered);
void stub_leave(const struct stub_visit *entered);
bool stub_inside(void);

/* pthread_once, but no signal handler of the program can jump out of it: later calls would wait for
 * ever. */
struct stub_once {
    pthread_once_t once;
    atomic_bool done;
};
#define STUB_ONCE_INIT                                                                             \
    {                                                                                              \
        .once = PTHREAD_ONCE_INIT                                                                  \
    }
void stub_do_once(struct stub_once *once, void (*make)(void));
/* Makes the next call do it again. */
void stub_do_again(struct stub_once *once);

/* ---- engine_slot.c: what became of the engine ---- */

/* NULL: it could not be loaded. */
void stub_engine_set(const struct shim_engine *engine);
/* The engine, for hooks on the data path: does not load it. NULL also while we are inside. */
const struct shim_engine *stub_engine_if_loaded(void);
/* True if it could not be loaded so far. */
bool stub_engine_missing(void);

/* ---- load_engine.c ---- */

/*
 * The engine. The first call loads it. NULL: the mode is off, we are inside, or it cannot be
 * loaded. Then standard error says so once, and a call after a second tries again.
 */
const struct shim_engine *stub_engine(void);
/* Must TLS be refused, because strict mode has no engine? */
bool stub_must_refuse(void);

/* ---- company.c ---- */

/* Is there another library between the program and the C library's connect or getaddrinfo? */
bool stub_in_company(void);
/* Is it known that there is none? Async-signal-safe: does not look for one. */
bool stub_known_alone(void);

/* ---- hooks_dup.c ---- */

/* This thread begins and ends a `connect` of ours to this descriptor, which another preload may
 * make. stub_led_end gives the identity of the socket that it has put there; 0: none. */
void stub_led_begin(int fd);
uint64_t stub_led_end(void);

/* ---- connections.c ---- */

/* The program is about to call `connect`. Sets *socket to the identity of its socket. False: there
 * is nothing to note. Async-signal-safe. */
bool stub_connection_begins(int fd, uint64_t *socket);
/* It has called it, and the connection is there or being made. Async-signal-safe. Keeps errno. */
void stub_connection_begun(int fd, uint64_t socket, const struct sockaddr *address,
                           socklen_t length);
size_t stub_connections(struct shim_connection *out, size_t max);
/* The port that a descriptor was last seen to be connected to. Async-signal-safe. */
bool stub_connection_port(int fd, uint16_t *port);

/* ---- guard_report.c ---- */

/* The path of the executable, read once at the start. NULL: not known, or neither report nor log is
 * asked for. */
const char *stub_program(void);

/* ---- refusals_openssl.c: refusals without an engine, and how OpenSSL tells of one ---- */

/* Must a call that may start a handshake fail because there is no engine? If so, reports it. */
bool stub_openssl_must_refuse(const struct shim_library *library, SSL *ssl, bool connect);
/* Was nothing reported yet of a handshake of this SSL or session, over this descriptor (-1:
 * hidden), for this name (may be NULL)? The same question later gives false. */
bool stub_first_told(const void *object, int fd, const char *name);
/* Leaves the reason in the error queue of the library, ECONNABORTED in errno, and SSL_ERROR_SSL for
 * SSL_get_error. */
void stub_openssl_refuse(const struct shim_library *library, const SSL *ssl);
/* The guard has refused a write of this caller. If libcrypto wrote, in a handshake that no hook saw
 * begin, puts the reason into its error queue. Keeps errno. */
void stub_openssl_write_refused(const void *caller);
/* The library makes the next call on this SSL itself, so its own word on errors holds again. */
void stub_openssl_let(const SSL *ssl);
/* Did the last call of this thread on this SSL fail because stub_openssl_refuse or
 * stub_openssl_write_refused left an entry in the error queue? */
bool stub_openssl_refused_last(const struct shim_library *library, const SSL *ssl);

/* ---- hooks_own_ech.c ---- */

/* Did the program set an ECHConfig for this SSL? If the library does not tell: for any SSL? Keeps
 * errno and the error queue. */
bool stub_own_ech(const struct shim_library *library, const SSL *ssl);

/* ---- hook_table.c ---- */

/* Our own exported function for a hook, whatever the program exports; and its direct form, which
 * calls libc's own (shim/stub/direct.h), or NULL. */
void *stub_hook_address(enum shim_hook hook);
void *stub_hook_direct(enum shim_hook hook);

#endif
