/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/asks.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dns/io.h"
#include "tools/echshim/go/ask.h"
#include "tools/echshim/supervisor/connection.h"
#include "tools/echshim/supervisor/engine.h"
#include "tools/echshim/supervisor/filter.h"
#include "tools/echshim/supervisor/handshakes.h"
#include "tools/echshim/supervisor/notify.h"
#include "tools/echshim/supervisor/pool.h"
#include "tools/echshim/supervisor/target.h"

enum {
    FRESH_US = 2000000, /* a call that comes back finds the decision for so long */
    DECISIONS_MAX = 1024,
    SWEEP_MS = 1000,
};

/* A call that waits. */
struct waiter {
    struct waiter *next;
    uint64_t id;
    pid_t task;
    int fd; /* of its connection; -1: not known */
    bool wrapped;
    uint64_t buffer;
    uint32_t size;
    uint64_t until_us;
};

/* One decision. Only the thread that works on it touches `given` before it is done. */
struct decision {
    struct supervisor_task task;
    struct decision *next;
    char name[DNS_HOST_SIZE];
    struct shim_config_question question;
    struct shim_given_config given;
    bool done;
    uint64_t done_us;
    struct waiter *waiters;
};

static struct supervisor_teller *teller;
static bool strict;
static struct decision *decisions;
static unsigned decision_count;

void supervisor_asks_start(struct supervisor_teller *to, bool is_strict)
{
    teller = to;
    strict = is_strict;
}

/* ---- what a call says ---- */

enum kind { NO_ASK, ASK, TELL };

struct asked {
    enum kind kind;
    char name[DNS_HOST_SIZE]; /* in its normal form; "": none */
    bool hostile;             /* it is no name of a host, nor an address */
    enum supervisor_read read;
    int fd; /* of the connection; -1: not known */
    bool wrapped;
    uint64_t buffer;
    uint32_t size;
    uint32_t flags;
    bool accepted;
};

static enum kind kind_of(const struct seccomp_data *call)
{
    const struct supervisor_calls *numbers = supervisor_calls_of(call->arch);
    if (numbers == NULL || numbers->word != sizeof(uint64_t) || call->nr != numbers->connect ||
        (uint32_t)call->args[0] != UINT32_MAX) {
        return NO_ASK;
    }
    uint32_t word = (uint32_t)call->args[2];
    return word == GO_ASK ? ASK : word == GO_TELL ? TELL : NO_ASK;
}

/* Letters, digits and what else may stand in names and addresses. */
static bool is_decent(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool letter = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z');
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && !digit && (name[i] == '\0' || strchr("-_.:[]%", name[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

static void read_name(pid_t task, uint64_t at, uint64_t length, struct asked *asked)
{
    char name[DNS_HOST_SIZE + 1] = "";
    if (length > DNS_HOST_SIZE) { /* the longest name, and a dot */
        asked->hostile = true;
        return;
    }
    asked->read = supervisor_target_read(&task, at, name, (size_t)length);
    asked->hostile = asked->read != SUPERVISOR_READ || !is_decent(name, (size_t)length) ||
                     !dns_host_normal(name, asked->name);
}

static int fd_of(uint64_t argument)
{
    uint32_t number = (uint32_t)(argument >> 32) & ~GO_ASK_WRAPPED;
    return number != 0 && number <= INT_MAX ? (int)(number - 1) : -1;
}

static bool read_call(const struct seccomp_notif *notification, struct asked *asked)
{
    const __u64 *arguments = notification->data.args;
    *asked = (struct asked){.kind = kind_of(&notification->data), .read = SUPERVISOR_READ};
    if (asked->kind == NO_ASK) {
        return false;
    }
    asked->fd = fd_of(arguments[0]);
    asked->wrapped = (arguments[0] >> 32 & GO_ASK_WRAPPED) != 0;
    asked->buffer = arguments[4];
    asked->size = (uint32_t)arguments[5];
    asked->flags = (uint32_t)(arguments[5] >> 32);
    asked->accepted = arguments[4] == GO_TELL_ACCEPTED;
    read_name((pid_t)notification->pid, arguments[1], arguments[3], asked);
    return true;
}

/* ---- the answer to one call ---- */

/* False: the handshake would go on without the list, so it must not go on. */
static bool write_list(const struct waiter *waiter, const struct shim_given_config *given)
{
    return given->length <= waiter->size &&
           supervisor_target_write(waiter->task, waiter->id, waiter->buffer, given->list,
                                   given->length);
}

static void tell_now(pid_t task, const struct shim_report *report)
{
    char program[SUPERVISOR_PROGRAM_SIZE];
    supervisor_target_program(task, program, sizeof program);
    supervisor_tell_handshake(teller, supervisor_target_process(task), program, report);
}

static void refuse_hostile(const struct waiter *waiter)
{
    const struct shim_report report = {.library = "go",
                                       .mode = strict ? SHIM_MODE_STRICT : SHIM_MODE_OPPORTUNISTIC,
                                       .outcome = "refused",
                                       .reason = "no_name",
                                       .source = "none"};
    if (supervisor_notify_waits(waiter->id)) {
        tell_now(waiter->task, &report);
    }
    supervisor_notify_answer(waiter->id, 0, EACCES);
}

static void give_list(const struct waiter *waiter, const struct shim_given_config *given)
{
    if (write_list(waiter, given)) {
        supervisor_handshakes_begin(teller, waiter->task, waiter->fd, given, dns_io_now_us());
        supervisor_notify_answer(waiter->id, (int64_t)given->length, 0);
        return;
    }
    if (supervisor_notify_waits(waiter->id)) {
        struct shim_report report = given->report;
        report.outcome = "refused";
        report.reason = "internal";
        tell_now(waiter->task, &report);
    }
    supervisor_notify_answer(waiter->id, 0, EACCES);
}

static void answer(const struct waiter *waiter, const struct shim_given_config *given)
{
    if (given->what == SHIM_GIVEN_LIST) {
        give_list(waiter, given);
        return;
    }
    if (given->what != SHIM_GIVEN_IGNORED && supervisor_notify_waits(waiter->id)) {
        tell_now(waiter->task, &given->report);
    }
    supervisor_notify_answer(waiter->id, 0, given->what == SHIM_GIVEN_REFUSED ? EACCES : 0);
}

/* ---- decisions ---- */

/* What is given if nothing can be asked. */
static void give_nothing(struct decision *decision)
{
    decision->given = (struct shim_given_config){
        .what = strict ? SHIM_GIVEN_REFUSED : SHIM_GIVEN_PLAIN,
        .report = {.mode = strict ? SHIM_MODE_STRICT : SHIM_MODE_OPPORTUNISTIC,
                   .outcome = strict ? "refused" : "plain",
                   .reason = "internal",
                   .source = "none"},
    };
    memcpy(decision->given.host, decision->name, sizeof decision->given.host);
    decision->given.report.host = decision->given.host;
}

static void work(struct supervisor_task *task)
{
    struct decision *decision = (struct decision *)task;
    const struct shim_engine *engine = supervisor_engine();
    if (engine != NULL) {
        engine->give_config(&decision->question, &decision->given);
    } else {
        give_nothing(decision);
    }
    decision->given.report.library = "go";
}

/* The next handshakes cost nothing of what the first one did. */
static void answer_by(struct decision *decision, const struct waiter *waiter)
{
    answer(waiter, &decision->given);
    decision->given.report.retries = 0;
    decision->given.report.lookup_us = 0;
}

static void done(struct supervisor_task *task)
{
    struct decision *decision = (struct decision *)task;
    struct waiter *waiter = decision->waiters;
    decision->done = true;
    decision->done_us = dns_io_now_us();
    decision->waiters = NULL;
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        answer_by(decision, waiter);
        free(waiter);
        waiter = next;
    }
}

static void drop_old(uint64_t now_us)
{
    for (struct decision **place = &decisions; *place != NULL;) {
        struct decision *decision = *place;
        if (decision->done && now_us - decision->done_us > FRESH_US) {
            *place = decision->next;
            free(decision);
            decision_count--;
        } else {
            place = &decision->next;
        }
    }
}

static struct decision *find(const struct shim_config_question *question)
{
    for (struct decision *decision = decisions; decision != NULL; decision = decision->next) {
        if (decision->question.own_list == question->own_list &&
            decision->question.old_only == question->old_only &&
            supervisor_connection_equal(&decision->question, question) &&
            strcmp(decision->name, question->server_name) == 0) {
            return decision;
        }
    }
    return NULL;
}

/* NULL: there is no memory, no thread, or too many names at once. */
static struct decision *begin(const struct shim_config_question *question)
{
    struct decision *decision = decision_count < DECISIONS_MAX ? calloc(1, sizeof *decision) : NULL;
    if (decision == NULL) {
        return NULL;
    }
    decision->task = (struct supervisor_task){.work = work, .done = done};
    memcpy(decision->name, question->server_name, strlen(question->server_name) + 1);
    decision->question = *question;
    decision->question.server_name = decision->name;
    if (!supervisor_pool_add(&decision->task)) {
        free(decision);
        return NULL;
    }
    decision->next = decisions;
    decisions = decision;
    decision_count++;
    return decision;
}

static void take_ask(const struct waiter *call, const struct asked *asked)
{
    struct shim_config_question question = {.server_name = asked->name,
                                            .own_list = (asked->flags & GO_ASK_OWN_LIST) != 0,
                                            .old_only = (asked->flags & GO_ASK_OLD_ONLY) != 0};
    supervisor_connection_look(call->task, call->id, call->fd, &question);
    if (call->wrapped && question.connection == SHIM_ASKED_FRESH) {
        /* Nobody knows what its own type will say before the handshake: to a proxy, for example. */
        question.connection = SHIM_ASKED_UNKNOWN;
    }
    drop_old(dns_io_now_us());
    struct decision *decision = find(&question);
    struct waiter *waiter = NULL;
    if (decision == NULL) {
        decision = begin(&question);
    }
    if (decision != NULL && decision->done) {
        answer_by(decision, call);
        return;
    }
    if (decision != NULL) {
        waiter = malloc(sizeof *waiter);
    }
    if (waiter == NULL) {
        struct decision none = {.done = true};
        memcpy(none.name, asked->name, sizeof none.name);
        give_nothing(&none);
        none.given.report.library = "go";
        answer(call, &none.given);
        return;
    }
    *waiter = *call;
    waiter->next = decision->waiters;
    decision->waiters = waiter;
}

static void forget_decisions(const char *name)
{
    for (struct decision *decision = decisions; decision != NULL; decision = decision->next) {
        if (decision->done && strcmp(decision->name, name) == 0) {
            decision->done_us = 0; /* the next call asks anew */
        }
    }
}

static void take_tell(const struct seccomp_notif *notification, const struct asked *asked)
{
    if (!asked->hostile &&
        supervisor_handshakes_end(teller, (pid_t)notification->pid, asked->fd, asked->name,
                                  asked->accepted, dns_io_now_us()) &&
        !asked->accepted) {
        /* It was given a list, so the engine is there. */
        supervisor_engine()->config_rejected(asked->name);
        forget_decisions(asked->name);
    }
    supervisor_notify_answer(notification->id, 0, 0);
}

bool supervisor_asks_take(const struct seccomp_notif *notification)
{
    struct asked asked;
    if (!read_call(notification, &asked)) {
        return false;
    }
    const struct waiter call = {.id = notification->id,
                                .task = (pid_t)notification->pid,
                                .fd = asked.fd,
                                .wrapped = asked.wrapped,
                                .buffer = asked.buffer,
                                .size = asked.size,
                                .until_us = dns_io_now_us() + GO_ASK_PATIENCE_MS * UINT64_C(1000)};
    if (asked.kind == TELL) {
        take_tell(notification, &asked);
    } else if (asked.hostile) {
        refuse_hostile(&call);
    } else {
        take_ask(&call, &asked);
    }
    return true;
}

/* ---- time ---- */

int supervisor_asks_patience(void)
{
    uint64_t now_us = dns_io_now_us();
    int patience = supervisor_handshakes_any() ? SWEEP_MS : -1;
    for (const struct decision *decision = decisions; decision != NULL; decision = decision->next) {
        for (const struct waiter *waiter = decision->waiters; waiter != NULL;
             waiter = waiter->next) {
            uint64_t left_us = waiter->until_us > now_us ? waiter->until_us - now_us : 0;
            int left = (int)((left_us + 999) / 1000);
            patience = patience < 0 || left < patience ? left : patience;
        }
    }
    return patience;
}

static void send_back(struct decision *decision, uint64_t now_us)
{
    for (struct waiter **place = &decision->waiters; *place != NULL;) {
        struct waiter *waiter = *place;
        if (waiter->until_us <= now_us) {
            *place = waiter->next;
            supervisor_notify_answer(waiter->id, 0, EAGAIN);
            free(waiter);
        } else {
            place = &waiter->next;
        }
    }
}

void supervisor_asks_sweep(bool all)
{
    static uint64_t swept_us;
    uint64_t now_us = dns_io_now_us();
    for (struct decision *decision = decisions; decision != NULL; decision = decision->next) {
        send_back(decision, now_us);
    }
    if (all || now_us - swept_us > SWEEP_MS * UINT64_C(1000)) {
        swept_us = now_us;
        supervisor_handshakes_sweep(teller, now_us, all);
    }
}
