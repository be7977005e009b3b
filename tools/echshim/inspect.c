/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a program does TLS. The program is not run: our own dynamic loader lists its libraries, and
 * its files are searched for the marks of TLS libraries. The result is a JSON document, shown as
 * JSON or as text: both say the same.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/tls_libraries.h"
#include "tools/common/elf_needed.h"
#include "tools/common/json_fields.h"
#include "tools/common/tls_marks.h"
#include "tools/echshim/detour/lead.h"
#include "tools/echshim/echshim.h"
#include "tools/echshim/modules.h"
#include "tools/echshim/relay.h"
#include "tools/echshim/supervisor/supervisor.h"
#include "tools/echshim/verdict.h"
#include "tools/echshim/view.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- findings ---- */

struct tls_search {
    json_t *tls;             /* the array */
    const char *file;        /* the file that is searched */
    const char *own;         /* the program */
    bool detours;            /* may the shim put detours into it? */
    bool module;             /* it is one that the program may load later */
    bool led;                /* does the launcher switch on its own ECH? */
    const struct view *view; /* of the file, while it is searched */
};

/* Adds a finding, unless the same TLS library is there already. */
static void add(const struct tls_search *search, const char *name, const char *library,
                const char *how, bool hooked)
{
    size_t i;
    json_t *entry;
    json_array_foreach(search->tls, i, entry)
    {
        const char *known = json_string_value(json_object_get(entry, "library"));
        if (strcmp(json_string_value(json_object_get(entry, "tls")), name) == 0 &&
            (known == NULL || library == NULL || strcmp(known, library) == 0)) {
            return;
        }
    }
    (void)json_array_append_new(search->tls, json_pack("{s:s, s:s?, s:s, s:s, s:b}", "tls", name,
                                                       "library", library, "how", how, "file",
                                                       search->file, "hooked", hooked));
}

/* Will the shim reach OpenSSL within the program by detours, as far as its file can tell? */
static bool has_detours(const struct tls_search *search, const char *name)
{
    const struct shim_tls_library *openssl = &shim_tls_libraries[SHIM_FAMILY_OPENSSL];
    bool inside = search->detours && strncmp(name, "OpenSSL", strlen("OpenSSL")) == 0 &&
                  strcmp(search->file, search->own) == 0;
    for (size_t i = 0; inside && i < SHIM_TLS_FUNCTIONS; i++) {
        inside = elf_exports(search->view->octets, search->view->length, openssl->functions[i]);
    }
    return inside;
}

/* Is it the TLS whose ECH the launcher switches on? The program's table of functions has no other,
 * also where the mark of Go is missing (a linker's option leaves it out). */
static bool is_of_go(const struct tls_search *search, const char *name)
{
    return search->led && strcmp(search->file, search->own) == 0 &&
           (strcmp(name, TLS_OF_GO) == 0 || strcmp(name, TLS_UNKNOWN) == 0);
}

static void add_mark(void *context, const char *name, const char *file, bool hooked)
{
    const struct tls_search *search = context;
    if (file == NULL && has_detours(search, name)) {
        add(search, name, NULL, "detours", true);
    } else if (file == NULL && is_of_go(search, name)) {
        add(search, TLS_OF_GO, NULL, "go", true);
    } else {
        add(search, name, file,
            search->module ? "module"
            : file != NULL ? "dlopen"
                           : "inside",
            hooked);
    }
}

static bool add_needed(void *context, const char *name)
{
    const struct tls_search *search = context;
    struct tls_library library;
    if (tls_library_named(name, &library)) {
        add(search, library.name, name,
            search->module                           ? "module"
            : strcmp(search->file, search->own) == 0 ? "linked"
                                                     : "through a library",
            library.hooked);
    }
    return true;
}

static void search_file(struct tls_search *search, const char *path)
{
    struct view view;
    search->file = path;
    struct tls_library library;
    /* A TLS library is known by its name; its contents are not searched. */
    if (tls_library_named(base_name(path), &library) ||
        strncmp(base_name(path), LIBRARY_NAME, strlen(LIBRARY_NAME)) == 0 ||
        !view_open(&view, path)) {
        return;
    }
    search->view = &view;
    (void)elf_needed(view.octets, view.length, add_needed, search);
    tls_marks_find(view.octets, view.length, add_mark, search);
    search->view = NULL;
    view_close(&view);
}

/* A file that the program may load later. */
static void add_module(void *context, const char *path)
{
    struct tls_search *search = context;
    search->module = true;
    search_file(search, path);
    search->module = false;
}

/* "\tNAME => PATH (0x...)" or "\tPATH (0x...)", one a line. */
static void search_libraries(struct tls_search *search, const char *program)
{
    struct shim_executable own;
    char *list = NULL;
    if (shim_preloadable_step(AT_FDCWD, "/proc/self/exe", 0, &own) == SHIM_PRELOADABLE_YES) {
        (void)unsetenv("LD_PRELOAD");
        list = loader_list(own.interpreter, NULL, program);
    }
    char *rest = list;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        char *arrow = strstr(line, " => ");
        char *path = arrow != NULL ? arrow + strlen(" => ") : line + strspn(line, "\t ");
        char *end = strstr(path, " (0x");
        if (end != NULL && path[0] == '/') {
            *end = '\0';
            search_file(search, path);
        }
    }
    free(list);
}

/* ---- Go ---- */

/* Would the launcher switch on its ECH, and can it here? *why says why it cannot. */
static bool is_led(const struct program *program, const struct options *options, const char **why)
{
    struct supervisor_policy policy;
    *why = NULL;
    conf_policy(program, &policy);
    return go_program_is_led(program) && !options->refuse_programs && lead_is_possible(why) &&
           supervisor_is_possible(&policy, why);
}

/* Which way a Go program goes, and why; NULL: it is none. `forbidden`: why its ECH cannot be
 * switched on here, or NULL. */
static json_t *go_document(const struct program *program, bool led, const char *forbidden)
{
    char text[PATH_MAX];
    const struct go_plan *plan;
    enum go_way way = go_program_way(program, &plan);
    const char *why = go_plan_why(way, plan, text, sizeof text);
    if (way == GO_WAY_NONE) {
        return json_null();
    }
    if (way == GO_WAY_READY) {
        why = led                 ? "its own ECH is switched on"
              : forbidden != NULL ? forbidden
              : !conf_go(program) ? "ECHSHIM_GO is off"
                                  : "the mode does not ask for it";
    }
    return json_pack("{s:s?, s:s, s:s}", "version", plan->version[0] != '\0' ? plan->version : NULL,
                     "way", led ? "go" : "held", "why", why);
}

/* ---- the document ---- */

static const char *kind_name(const struct shim_executable *image)
{
    switch (image->kind) {
    case SHIM_EXECUTABLE_DYNAMIC:
        return "dynamic";
    case SHIM_EXECUTABLE_STATIC:
        return "static";
    case SHIM_EXECUTABLE_LOADER:
        return "loader";
    case SHIM_EXECUTABLE_SCRIPT:
        return "script";
    case SHIM_EXECUTABLE_BROKEN:
        return "broken";
    default:
        return "unknown";
    }
}

static json_t *chain_document(const struct program *program)
{
    json_t *chain = json_array();
    for (size_t i = 0; i < program->count; i++) {
        const struct program_file *file = &program->chain[i];
        const char *kind = program->module ? "module" : kind_name(&file->image);
        (void)json_array_append_new(
            chain, json_pack("{s:s, s:s, s:s?}", "path", file->path, "kind", kind, "interpreter",
                             file->image.interpreter[0] != '\0' ? file->image.interpreter : NULL));
    }
    return chain;
}

/* The commands that a shell script executes at its end: `exec PROGRAM`, with a full path. */
static json_t *wrapper_document(const struct program *program)
{
    struct view view;
    json_t *wraps = json_array();
    bool script = program->shell || program->chain[0].image.kind == SHIM_EXECUTABLE_SCRIPT;
    if (!script || !view_open(&view, program->path)) {
        return wraps;
    }
    char *text = strndup((const char *)view.octets, view.length);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        line += strspn(line, " \t");
        if (strncmp(line, "exec ", strlen("exec ")) != 0) {
            continue;
        }
        line += strlen("exec ");
        line += strspn(line, " \t\"'");
        line[strcspn(line, " \t\"';&|")] = '\0';
        if (line[0] == '/' && strchr(line, '$') == NULL) {
            (void)json_array_append_new(wraps, json_string(line));
        }
    }
    free(text);
    view_close(&view);
    return wraps;
}

static const char *expectation(const json_t *tls, const char *obstacle, const char *hint)
{
    size_t i;
    json_t *entry;
    size_t hooked = 0;
    if (obstacle != NULL) {
        return "impossible";
    }
    json_array_foreach(tls, i, entry)
    {
        hooked += json_is_true(json_object_get(entry, "hooked")) ? 1 : 0;
    }
    if (json_array_size(tls) == 0) {
        return hint != NULL ? "depends" : "nothing";
    }
    return hooked == json_array_size(tls) ? "ech" : hooked > 0 ? "partly" : "unhooked";
}

static const char *expectation_text(const char *word)
{
    static const struct {
        const char *word;
        const char *text;
    } texts[] = {
        {"ech", "its TLS connections are made with ECH where the server's record has a config"},
        {"partly", "TLS of the hooked libraries is made with ECH; the rest is not: strict mode "
                   "refuses it"},
        {"unhooked", "the shim is in it, but makes no ECH there; strict mode refuses its TLS"},
        {"impossible", "nothing: the shim cannot be in it; strict mode refuses its TLS"},
        {"depends", "what it loads or runs later is hooked or followed"},
        {"nothing", "no TLS was found in it; what it loads or runs later is hooked or followed"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].word, word) == 0) {
            return texts[i].text;
        }
    }
    return "";
}

/* Does the library make ECH itself? The shim gives it the ECHConfigs, and judges. */
static bool is_native(const char *name)
{
    static const char *const starts[] = {"NSS", "BoringSSL", "OpenSSL 4"};
    bool native = false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        native = native || strncmp(name, starts[i], strlen(starts[i])) == 0;
    }
    return native;
}

/* The mode is that of the options and settings, as for a run. */
static struct verdict_facts facts_of(const struct program *program, const struct options *options,
                                     bool led, const json_t *tls)
{
    size_t i;
    json_t *entry;
    struct supervisor_policy policy;
    const char *why;
    struct verdict_facts facts = {
        .mode = conf_mode(program),
        .reached = program_obstacle(program, (char[PATH_MAX + 128]){""}, PATH_MAX + 128) == NULL,
        .led = led,
        .runs = program_can_be_held(program) && !options->refuse_programs,
        .native = true,
    };
    json_array_foreach(tls, i, entry)
    {
        bool hooked = json_is_true(json_object_get(entry, "hooked"));
        facts.hooked += hooked ? 1 : 0;
        facts.unhooked += hooked ? 0 : 1;
        facts.detours = facts.detours || strcmp(text_of(entry, "how"), "detours") == 0;
        facts.native = facts.native && (!hooked || is_native(text_of(entry, "tls")));
    }
    conf_policy(program, &policy);
    facts.can_be_held = !options->refuse_programs && supervisor_is_possible(&policy, &why);
    facts.relay = !options->refuse_programs && relay_is_wanted(program, options);
    return facts;
}

static json_t *inspect_document(const struct program *program, const struct options *options)
{
    char why[PATH_MAX + 128];
    const struct program_file *last = &program->chain[program->count - 1];
    const char *forbidden;
    bool led = is_led(program, options, &forbidden);
    const char *obstacle = led ? NULL : program_obstacle(program, why, sizeof why);
    char real[PATH_MAX];
    const char *path = realpath(last->path, real) != NULL ? real : last->path;
    const char *hint = tls_hint(base_name(path));
    json_t *tls = json_array();
    struct tls_search search = {.tls = tls, .own = path, .led = led};
#if defined(__x86_64__)
    search.detours = conf_detours(program);
#endif
    search_file(&search, path);
    if (!program->module) {
        modules_find(program, add_module, &search);
    }
    if (last->image.kind == SHIM_EXECUTABLE_DYNAMIC && program->reach != SHIM_PRELOADABLE_MACHINE) {
        search_libraries(&search, path);
    }
    const char *word = expectation(tls, obstacle, hint);
    const struct verdict_facts facts = facts_of(program, options, led, tls);
    struct verdict verdict = verdict_of(&facts);
    return json_pack("{s:s, s:o, s:o, s:s?, s:o, s:o, s:s?, s:s, s:s, s:s, s:s?, s:s, s:s, s:s?}",
                     "program", program->path, "files", chain_document(program), "runs",
                     wrapper_document(program), "obstacle", obstacle, "go",
                     go_document(program, led, forbidden), "tls", tls, "hint", hint, "expected",
                     word, "shim", expectation_text(word), "mode",
                     shim_mode_name(conf_mode(program)), "way", verdict_way(&facts), "verdict",
                     verdict.word, "why", verdict.why, "advice", verdict.advice);
}

/* ---- the document as text ---- */

/* Prints a line with its label. Text from files is made harmless for the terminal. */
static void print_line(const char *label, const char *text, const char *color)
{
    char shown[2 * PATH_MAX];
    say_printable(shown, sizeof shown, text);
    (void)printf("%-8s  %s%s%s\n", label, color, shown, *color != '\0' ? "\033[0m" : "");
}

static void print_tls(const json_t *tls, bool color)
{
    static const char *const ways[][2] = {{"linked", "linked to it"},
                                          {"through a library", "needed by one of its libraries"},
                                          {"dlopen", "opened by name"},
                                          {"inside", "inside"},
                                          {"module", "in a module that it may load"},
                                          {"detours", "inside, reached by detours"},
                                          {"go", "inside, makes ECH itself"}};
    size_t i;
    json_t *entry;
    json_array_foreach(tls, i, entry)
    {
        char line[2 * PATH_MAX];
        bool hooked = json_is_true(json_object_get(entry, "hooked"));
        const char *library = text_of(entry, "library");
        const char *how = text_of(entry, "how");
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
            how = strcmp(how, ways[way][0]) == 0 ? ways[way][1] : how;
        }
        (void)snprintf(line, sizeof line, "%s%s%s: %s (%s), %s", text_of(entry, "tls"),
                       *library != '\0' ? ", " : "", library, how, text_of(entry, "file"),
                       hooked ? "hooked" : "not hooked");
        print_line("TLS", line, !color ? "" : hooked ? "\033[32m" : "\033[31m");
    }
}

static void print_go(const json_t *go)
{
    char line[PATH_MAX];
    if (json_is_object(go)) {
        const char *version = text_of(go, "version");
        (void)snprintf(line, sizeof line, "%s%s%s: %s", version, *version != '\0' ? ", " : "",
                       text_of(go, "way"), text_of(go, "why"));
        print_line("Go", line, "");
    }
}

static void print_verdict(const json_t *document, bool color)
{
    char line[512];
    const char *word = text_of(document, "verdict");
    const char *shade = strcmp(word, "protected") == 0 ? "\033[1;32m"
                        : strcmp(word, "open") != 0    ? "\033[1;33m"
                                                       : "\033[1;31m";
    (void)snprintf(line, sizeof line, "%s (mode %s): %s", word, text_of(document, "mode"),
                   text_of(document, "why"));
    print_line("verdict", line, color ? shade : "");
    if (*text_of(document, "advice") != '\0') {
        print_line("advice", text_of(document, "advice"), "");
    }
}

static void print_text(const json_t *document, bool color)
{
    char line[2 * PATH_MAX];
    size_t i;
    json_t *file;
    json_t *run;
    const char *obstacle = text_of(document, "obstacle");
    print_line("program", text_of(document, "program"), "");
    json_array_foreach(json_object_get(document, "files"), i, file)
    {
        const char *interpreter = text_of(file, "interpreter");
        (void)snprintf(line, sizeof line, "%s: %s%s%s", text_of(file, "path"),
                       text_of(file, "kind"), *interpreter != '\0' ? ", " : "", interpreter);
        print_line("file", line, "");
    }
    json_array_foreach(json_object_get(document, "runs"), i, run)
    {
        print_line("runs", json_string_value(run), "");
    }
    bool led = strcmp(text_of(json_object_get(document, "go"), "way"), "go") == 0;
    (void)snprintf(line, sizeof line, "%s%s",
                   led                 ? "not needed"
                   : *obstacle != '\0' ? "cannot work: "
                                       : "works",
                   obstacle);
    print_line("preload", line, !color ? "" : *obstacle != '\0' ? "\033[31m" : "\033[32m");
    print_go(json_object_get(document, "go"));
    print_tls(json_object_get(document, "tls"), color);
    if (*text_of(document, "hint") != '\0') {
        print_line("known", text_of(document, "hint"), "");
    }
    print_line("shim", text_of(document, "shim"), "");
    if (*text_of(document, "way") != '\0') {
        print_line("way", text_of(document, "way"), "");
    }
    print_verdict(document, color);
}

int inspect_print(const struct program *program, const struct options *options)
{
    json_t *document = inspect_document(program, options);
    if (document == NULL) {
        say(ECHSHIM, "there is no memory for what was found");
        return EXIT_OWN;
    }
    bool possible = json_is_null(json_object_get(document, "obstacle"));
    if (options->json) {
        (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        (void)putchar('\n');
    } else {
        print_text(document, say_colored(options->color, STDOUT_FILENO));
    }
    json_decref(document);
    if (fflush(stdout) != 0) {
        say(ECHSHIM, "standard output cannot be written");
        return EXIT_OWN;
    }
    return possible ? 0 : EXIT_REFUSED;
}
