/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/guard.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "shim/common/own_ech.h"
#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/locked.h"
#include "shim/stub/proxy_request.h"

enum { PLAIN_DNS_PORT = 53 };

/*
 * Reads the settings. In nearly every process the constructor calls it. If another library's
 * constructor writes before, that write calls it.
 */
static void settle(void)
{
    unsigned mode = 0;
    if (!stub_settings_known()) {
        return; /* we are reading the settings, and this write is a part of that */
    }
    bool told = stub_tell_settle();
    stub_ports_settle();
    if (stub_strict_somewhere()) {
        mode = STUB_GUARD_STRICT | (stub_names_protected() ? STUB_GUARD_NAMES : 0);
    }
    if (told && !stub_off() && (mode == 0 || stub_modes_differ())) {
        mode |= STUB_GUARD_TELL;
    }
    mode |= stub_modes_differ() ? STUB_GUARD_BY_NAME : 0;
    atomic_fetch_or_explicit(&stub_guard_work, mode, memory_order_release);
    atomic_fetch_and_explicit(&stub_guard_work, ~(unsigned)STUB_GUARD_SETTLE, memory_order_release);
}

/* Finds the real functions now, so that no signal handler has to. */
__attribute__((constructor)) static void settle_early(void)
{
    static const enum shim_hook early[] = {
        SHIM_HOOK_write,    SHIM_HOOK_writev,     SHIM_HOOK_send,        SHIM_HOOK_sendto,
        SHIM_HOOK_sendmsg,  SHIM_HOOK_sendmmsg,   SHIM_HOOK_connect,     SHIM_HOOK_pwritev2,
        SHIM_HOOK_sendfile, SHIM_HOOK_sendfile64, SHIM_HOOK_splice,      SHIM_HOOK_syscall,
        SHIM_HOOK_prctl,    SHIM_HOOK_sigaction,  SHIM_HOOK___sigaction, SHIM_HOOK_signal,
        SHIM_HOOK_ssignal,  SHIM_HOOK_bsd_signal, SHIM_HOOK_sysv_signal, SHIM_HOOK___sysv_signal,
        SHIM_HOOK_dup2};
    int saved = errno;
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        (void)stub_libc(early[i]);
    }
    settle();
    errno = saved;
}

/* ---- where the hello goes ---- */

/* Is the port watched that the program or a request to a proxy asked for? Reports name this
 * port. */
static bool asked_port_is_watched(struct stub_attempt *attempt)
{
    struct shim_way way;
    stub_attempt_identify(attempt);
    stub_way_find(attempt->fd, attempt->socket, &way);
    attempt->port = way.port != 0 ? way.port : attempt->port;
    return way.watched;
}

/* Is it the port of the peer, or one that was asked for? */
static bool connection_is_watched(struct stub_attempt *attempt, bool by_peer)
{
    attempt->by_peer = by_peer;
    return by_peer || asked_port_is_watched(attempt);
}

/*
 * Does the write go to a port of interest? If the guard only watches for hellos of ours, every
 * port is, because that hello may go anywhere. If a program has locked itself in and we did not see
 * its connect, the port of a whole hello counts as watched too.
 */
static bool goes_to_watched(struct stub_attempt *attempt, unsigned work)
{
    if ((work & STUB_GUARD_MODES) == 0 && work >= STUB_GUARD_WATCHER) {
        return true;
    }
    bool by_peer = stub_attempt_port(attempt)
                       ? stub_port_watched(attempt->port)
                       : stub_locked() && attempt->sight.hello == SHIM_HELLO_IS;
    return attempt->type == SOCK_STREAM ? connection_is_watched(attempt, by_peer) : by_peer;
}

/* A program that asks the DNS itself (c-ares) asks in the clear. */
static bool goes_to_plain_dns(struct stub_attempt *attempt)
{
    return (attempt->type == SOCK_STREAM || attempt->type == SOCK_DGRAM) &&
           stub_attempt_port(attempt) && attempt->port == PLAIN_DNS_PORT;
}

/* ---- which host the hello is for ---- */

/* A hello whose name cannot be read may be for a strict host, so it counts as strict if any host
 * is. */
static enum shim_mode mode_of_hello(struct stub_attempt *attempt)
{
    char name[SHIM_HELLO_NAME_SIZE];
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    switch (attempt->sight.old ? SHIM_HELLO_NAMELESS
                               : shim_hello_server_name(&source, attempt->sight.at, name)) {
    case SHIM_HELLO_NAMED:
        return stub_mode_of(name);
    case SHIM_HELLO_NAMELESS:
        return stub_mode();
    case SHIM_HELLO_NAME_UNKNOWN:
        break;
    }
    return stub_strict_somewhere() ? SHIM_MODE_STRICT : stub_mode();
}

bool stub_question_is_protected(const char *name)
{
    /* Skips the labels of a service in front of the host's name (RFC 2782):
     * _https._tcp.www.example.org. */
    for (const char *dot; *name == '_' && (dot = strchr(name, '.')) != NULL;) {
        name = dot + 1;
    }
    return stub_mode_of(name) == SHIM_MODE_STRICT && stub_name_is_protected(name);
}

/* Does the write ask for a strict name that must be resolved under encryption? A question that
 * cannot be read counts as one. */
static bool is_protected_question(struct stub_attempt *attempt)
{
    char name[SHIM_HELLO_NAME_SIZE];
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    if (!shim_hello_question_name(&source, attempt->type == SOCK_STREAM, name)) {
        return true;
    }
    return stub_question_is_protected(name);
}

/* ---- requests to proxies ---- */

/* Looks for requests to proxies. In strict mode also on connections whose connect we did not
 * see. */
static void read_requests(struct stub_attempt *attempt, unsigned work)
{
    if ((work & (STUB_GUARD_TUNNEL | STUB_GUARD_STRICT)) == 0) {
        return;
    }
    if (attempt->type == SOCK_STREAM) {
        stub_tunnel_read(attempt, work);
    } else {
        stub_mark_set(attempt->fd, STUB_MARK_OTHER);
    }
}

/* ---- the decision ---- */

/* Reports a sight once for each socket. A stopped inner hello is reported even if an earlier report
 * told of its beginning. */
static void tell(struct stub_attempt *attempt, bool refused, enum stub_sight what)
{
    if (stub_tell_once(what == STUB_SIGHT_INNER ? ~attempt->socket : attempt->socket)) {
        if (attempt->by_peer) {
            (void)asked_port_is_watched(attempt);
        }
        stub_tell(attempt, refused, what);
    }
}

/* Ends the connection by shutdown, never by close: the descriptor stays the application's. */
static bool refuse_stream(struct stub_attempt *attempt, enum stub_sight what)
{
    if (attempt->tracked) {
        stub_progress_close(attempt->socket);
    }
    if (!stub_locked()) {
        (void)shutdown(attempt->fd, SHUT_RDWR);
        tell(attempt, true, what);
    }
    errno = ECONNABORTED;
    return false;
}

/*
 * Moves the connection of an announced hello to its endpoint, just before the hello leaves.
 * Afterwards the descriptor may be another socket.
 */
static bool may_leave(struct stub_attempt *attempt)
{
    const struct shim_engine *engine = stub_locked() ? NULL : stub_engine_if_loaded();
    /* If something else precedes the hello in this write (a request to a proxy), it belongs to this
     * connection and cannot move to another. */
    if (engine == NULL || attempt->sight.at > attempt->before ||
        !engine->hello_leaves(attempt->sight.random, attempt->fd)) {
        if (!stub_locked()) {
            (void)shutdown(attempt->fd, SHUT_RDWR);
        }
        errno = ECONNABORTED;
        return false;
    }
    attempt->socket = shim_socket_identity(attempt->fd);
    return true;
}

/*
 * Looks for a hello. It may follow octets that are no TLS records (a request to a proxy, STARTTLS).
 * To find it there means to read the whole write, so that is done only if a rule on hellos holds.
 */
static void look(struct stub_attempt *attempt, unsigned work)
{
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    const uint8_t *octets;
    size_t length;
    size_t records = shim_hello_find(&source, &attempt->sight);
    if (attempt->sight.hello == SHIM_HELLO_NONE && attempt->before != 0) {
        records = stub_follow_look_again(attempt, records);
    }
    if (attempt->sight.hello == SHIM_HELLO_NONE &&
        (work & (STUB_GUARD_STRICT | STUB_GUARD_TELL)) != 0 &&
        stub_attempt_octets(attempt, records, &octets, &length) && goes_to_watched(attempt, work)) {
        shim_hello_scan(&source, records, &attempt->sight);
    }
}

/* The random of this hello is not there yet, so follows it into later writes. If it cannot be
 * followed, strict mode refuses it. */
static bool follow(struct stub_attempt *attempt, unsigned work)
{
    return stub_follow_begin(attempt) || (work & STUB_GUARD_STRICT) == 0 ||
           refuse_stream(attempt, STUB_SIGHT_HELLO);
}

/* Is it a ClientHelloInner of ours? No mode lets it leave. Only a fault of ours can bring it
 * here. */
static bool must_stay_in(struct stub_attempt *attempt, enum stub_known known)
{
    bool foreign = known == STUB_KNOWN_NOT && !attempt->sight.old;
    attempt->inner_sought = false;
    return known == STUB_KNOWN_INNER || (foreign && stub_follow_shows_inner(attempt));
}

/* Is it a ClientHelloOuter of the program's own ECH? Its name must be the public name of a config
 * that we saw the program give to its library. GREASE looks alike, but carries the true name. */
static bool is_own_ech(struct stub_attempt *attempt)
{
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    char name[SHIM_HELLO_NAME_SIZE];
    uint8_t config_id;
    return shim_own_ech_any() && !attempt->sight.old &&
           shim_hello_is_outer(&source, attempt->sight.at, &config_id) &&
           shim_hello_server_name(&source, attempt->sight.at, name) == SHIM_HELLO_NAMED &&
           shim_own_ech_has(config_id, name);
}

/* Finds out what the hello is: ours, of the program's own ECH, or another, which the mode of its
 * host judges. */
static void classify(struct stub_attempt *attempt, unsigned rules, enum stub_known known)
{
    attempt->announced = known == STUB_KNOWN_ANNOUNCED;
    if (!attempt->announced && (rules & STUB_GUARD_BY_NAME) != 0) {
        attempt->mode = mode_of_hello(attempt);
    }
    attempt->own_ech = known == STUB_KNOWN_NOT && is_own_ech(attempt);
}

static bool breaks_strict(const struct stub_attempt *attempt, unsigned rules)
{
    bool may_go = attempt->announced || attempt->own_ech;
    return !may_go && (rules & STUB_GUARD_STRICT) != 0 && attempt->mode == SHIM_MODE_STRICT;
}

/* Keeps what stub_guard_sent needs once the octets are out. */
static void keep_sight(struct stub_attempt *attempt, unsigned rules, enum stub_known known)
{
    bool reported = (rules & STUB_GUARD_TELL) != 0 || attempt->own_ech;
    attempt->sighted = known == STUB_KNOWN_NOT && reported && attempt->mode != SHIM_MODE_OFF;
    attempt->length = (uint16_t)stub_attempt_copy(attempt, attempt->sight.at, attempt->octets,
                                                  sizeof attempt->octets);
}

static bool hello_allowed(struct stub_attempt *attempt, unsigned rules)
{
    enum shim_watch watch = SHIM_WATCH_NOT;
    enum stub_known known =
        attempt->sight.old ? STUB_KNOWN_NOT : stub_known_hello(attempt->sight.random, &watch);
    if (must_stay_in(attempt, known)) {
        return refuse_stream(attempt, STUB_SIGHT_INNER);
    }
    classify(attempt, rules, known);
    if (breaks_strict(attempt, rules)) {
        return refuse_stream(attempt, STUB_SIGHT_HELLO);
    }
    if (watch == SHIM_WATCH_LEAVES && !may_leave(attempt)) {
        return false;
    }
    keep_sight(attempt, rules, known);
    return true;
}

/* Does the write begin a hello? A request to a proxy may look like the beginning of one, which
 * would hide the real hello behind it. */
static bool begins_hello(const struct stub_attempt *attempt)
{
    switch (attempt->sight.hello) {
    case SHIM_HELLO_NONE:
        return false;
    case SHIM_HELLO_MORE:
        return !attempt->for_proxy;
    case SHIM_HELLO_IS:
        break;
    }
    return true;
}

/* The part of the guard's work that holds for the port of this hello; 0: none. On a port that is
 * not watched the rules of the modes do not hold. A hello of ours is looked for even there: HTTPS
 * records name such ports, and a ClientHelloInner must go nowhere. */
static unsigned rules_for(struct stub_attempt *attempt, unsigned work)
{
    if (goes_to_watched(attempt, work)) {
        return work;
    }
    return work >= STUB_GUARD_WATCHER ? work & ~(unsigned)STUB_GUARD_MODES : 0;
}

static bool stream_allowed(struct stub_attempt *attempt, unsigned work)
{
    if (stub_follow_recall(attempt)) {
        return refuse_stream(attempt, STUB_SIGHT_INNER);
    }
    if (stub_follow_is_within(attempt)) {
        return true;
    }
    look(attempt, work);
    if (!begins_hello(attempt)) {
        return true;
    }
    unsigned rules = rules_for(attempt, work);
    if (rules == 0) {
        return true;
    }
    stub_attempt_identify(attempt);
    bool whole = attempt->sight.hello == SHIM_HELLO_IS;
    return whole ? hello_allowed(attempt, rules) : follow(attempt, rules);
}

static bool refuse_datagram(struct stub_attempt *attempt, enum stub_sight what)
{
    if (!stub_locked()) {
        tell(attempt, true, what);
    }
    errno = EPERM; /* as if by a packet filter: QUIC clients then use TCP */
    return false;
}

static bool refuse_plain_dns(struct stub_attempt *attempt)
{
    attempt->socket = stub_socket_of(attempt->fd);
    return attempt->type == SOCK_STREAM ? refuse_stream(attempt, STUB_SIGHT_NAMES)
                                        : refuse_datagram(attempt, STUB_SIGHT_NAMES);
}

/* Does the datagram carry a hello that a SOCKS5 proxy shall pass on to a watched port? */
static bool is_for_proxy(struct stub_attempt *attempt)
{
    uint8_t octets[SHIM_PROXY_DATAGRAM_HEADER_MAX + SHIM_HELLO_DATAGRAM];
    size_t length = stub_attempt_copy(attempt, 0, octets, sizeof octets);
    size_t header;
    uint16_t port;
    if (!shim_proxy_datagram(octets, length, &header, &port) || !stub_port_watched(port) ||
        !shim_hello_in_datagram(octets + header, length - header)) {
        return false;
    }
    attempt->port = port;
    return true;
}

static bool datagram_allowed(struct stub_attempt *attempt, unsigned work)
{
    uint8_t octets[SHIM_HELLO_DATAGRAM];
    if ((work & STUB_GUARD_MODES) == 0) {
        return true;
    }
    bool hello =
        shim_hello_in_datagram(octets, stub_attempt_copy(attempt, 0, octets, sizeof octets));
    if (!(hello ? goes_to_watched(attempt, work) : is_for_proxy(attempt))) {
        return true;
    }
    attempt->socket = stub_socket_of(attempt->fd);
    if ((work & STUB_GUARD_STRICT) == 0) {
        attempt->sighted = (work & STUB_GUARD_TELL) != 0;
        return true;
    }
    return refuse_datagram(attempt, STUB_SIGHT_DATAGRAM);
}

/*
 * Can this write concern no rule, whatever kind of file it goes to? Nearly all writes to a
 * connection are like that, so for these the kernel is asked nothing but whether the octets can be
 * read. A write that is TLS records alone, none of them a hello, is no datagram with a hello either
 * (QUIC and DTLS begin otherwise), and no request to a proxy.
 */
static bool concerns_nobody(struct stub_attempt *attempt, unsigned work)
{
    const struct shim_hello_source source = {stub_attempt_octets, attempt};
    const uint8_t *octets;
    size_t length;
    if ((work & STUB_GUARD_NAMES) != 0 || stub_tunnel_awaited(attempt->fd) ||
        stub_mark_of(attempt->fd) != STUB_MARK_OVER || stub_progress_any()) {
        return false; /* what is no connection is only asked what it is, and not read */
    }
    size_t records = shim_hello_find(&source, &attempt->sight);
    return attempt->sight.hello == SHIM_HELLO_NONE && records > 0 &&
           !stub_attempt_octets(attempt, records, &octets, &length);
}

static bool decide(struct stub_attempt *attempt, unsigned work)
{
    stub_carried_recall(attempt);
    if (concerns_nobody(attempt, work)) {
        return true;
    }
    attempt->type = stub_attempt_type(attempt);
    /* The name of the host may stay hidden, as in QUIC. Then the strictest mode of all counts. */
    attempt->mode = (work & STUB_GUARD_STRICT) != 0 ? SHIM_MODE_STRICT : stub_mode();
    read_requests(attempt, work);
    if ((work & STUB_GUARD_NAMES) != 0 && goes_to_plain_dns(attempt) &&
        is_protected_question(attempt)) {
        return refuse_plain_dns(attempt);
    }
    switch (attempt->type) {
    case SOCK_STREAM:
        return stream_allowed(attempt, work);
    case SOCK_DGRAM:
        return datagram_allowed(attempt, work);
    default:
        return true; /* programs test a pointer by writing what it leads to into a pipe */
    }
}

/* What the guard has to do, once the settings are read. */
static unsigned work_now(void)
{
    unsigned work = atomic_load_explicit(&stub_guard_work, memory_order_acquire);
    if ((work & STUB_GUARD_SETTLE) == 0) {
        return work;
    }
    settle();
    work = atomic_load_explicit(&stub_guard_work, memory_order_acquire);
    return work & ~(unsigned)STUB_GUARD_SETTLE;
}

/* Is there nothing to do for this write? Without modes and hellos to watch, only requests to
 * proxies and hellos begun earlier matter. */
static bool has_no_work(const struct stub_attempt *attempt, unsigned work)
{
    if (work == STUB_GUARD_TUNNEL) {
        return !stub_tunnel_awaited(attempt->fd) && !stub_progress_any();
    }
    return work == 0;
}

/* The kernel takes no write of so many parts. */
static bool kernel_refuses(const struct stub_attempt *attempt)
{
    return attempt->count > IOV_MAX;
}

/* The engine's own octets do not pass here: it calls the real functions (struct shim_stub). */
bool stub_guard_allows(struct stub_attempt *attempt)
{
    int saved = errno;
    unsigned work = work_now();
    bool allowed = has_no_work(attempt, work) || kernel_refuses(attempt) || decide(attempt, work);
    if (allowed) {
        errno = saved;
    }
    return allowed;
}

void stub_guard_sent(struct stub_attempt *attempt, ssize_t result)
{
    if (attempt->socket == 0) {
        return;
    }
    int saved = errno;
    stub_tunnel_sent(attempt, result);
    stub_follow_sent(attempt, result);
    if (result > 0 && attempt->announced) {
        stub_announced_sent(attempt->sight.random, attempt->fd, attempt->socket);
    }
    if (result > 0 && attempt->sighted) {
        enum stub_sight plain =
            attempt->type == SOCK_DGRAM ? STUB_SIGHT_DATAGRAM : STUB_SIGHT_HELLO;
        tell(attempt, false, attempt->own_ech ? STUB_SIGHT_OWN_ECH : plain);
    }
    errno = saved;
}
