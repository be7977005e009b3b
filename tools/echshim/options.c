/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/journal.h"
#include "tools/echshim/echshim.h"
#include "tools/echshim/settings.h"
#include "tools/echshim/show/page.h"

#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.,"

enum { QUOTED_MAX = 80 };

/* ---- the options ---- */

enum {
    OPTION_SETTING = 0x100, /* and the index of tools/echshim/settings.h */
    OPTION_STRICT = 0x200,
    OPTION_GREASE,
    OPTION_OFF,
    OPTION_NO_RETRY,
    OPTION_NO_GREASE,
    OPTION_PRIVATE,
    OPTION_REPORT,
    OPTION_RELAY,
    OPTION_RELAY_CA,
    OPTION_WATCH,
    OPTION_JSON,
    OPTION_COLOR,
    OPTION_LEAD,
    OPTION_INSPECT,
    OPTION_CHECK_CONF,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"mode", required_argument, NULL, OPTION_SETTING + SHIM_CONF_MODE},
    {"strict", optional_argument, NULL, OPTION_STRICT},
    {"grease", no_argument, NULL, OPTION_GREASE},
    {"off", no_argument, NULL, OPTION_OFF},
    {"ports", required_argument, NULL, OPTION_SETTING + SHIM_CONF_PORTS},
    {"resolver", required_argument, NULL, OPTION_SETTING + SHIM_CONF_RESOLVER},
    {"config-list", required_argument, NULL, OPTION_SETTING + SHIM_CONF_CONFIG_LIST},
    {"outer-name", required_argument, NULL, OPTION_SETTING + SHIM_CONF_OUTER_NAME},
    {"retry", required_argument, NULL, OPTION_SETTING + SHIM_CONF_RETRY},
    {"no-retry", no_argument, NULL, OPTION_NO_RETRY},
    {"no-grease", no_argument, NULL, OPTION_NO_GREASE},
    {"ca-file", required_argument, NULL, OPTION_SETTING + SHIM_CONF_CA_FILE},
    {"resolver-proxy", required_argument, NULL, OPTION_SETTING + SHIM_CONF_RESOLVER_PROXY},
    {"timeout", required_argument, NULL, OPTION_SETTING + SHIM_CONF_TIMEOUT_MS},
    {"private", optional_argument, NULL, OPTION_PRIVATE},
    {"detours", required_argument, NULL, OPTION_SETTING + SHIM_CONF_DETOURS},
    {"go", required_argument, NULL, OPTION_SETTING + SHIM_CONF_GO},
    {"cache", required_argument, NULL, OPTION_SETTING + SHIM_CONF_CACHE},
    {"log", required_argument, NULL, OPTION_SETTING + SHIM_CONF_LOG},
    {"log-file", required_argument, NULL, OPTION_SETTING + SHIM_CONF_LOG_FILE},
    {"conf", required_argument, NULL, OPTION_SETTING + SETTING_CONF},
    {"report", optional_argument, NULL, OPTION_REPORT},
    {"relay", optional_argument, NULL, OPTION_RELAY},
    {"relay-ca", required_argument, NULL, OPTION_RELAY_CA},
    {"watch", optional_argument, NULL, OPTION_WATCH},
    {"json", no_argument, NULL, OPTION_JSON},
    {"color", required_argument, NULL, OPTION_COLOR},
    {"quiet", no_argument, NULL, 'q'},
    {"lead", no_argument, NULL, OPTION_LEAD}, /* for the stub: shim/stub/lead.h */
    {"inspect", no_argument, NULL, OPTION_INSPECT},
    {"check-config", no_argument, NULL, OPTION_CHECK_CONF},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char *option_name(int option)
{
    for (const struct option *entry = long_options; entry->name != NULL; entry++) {
        if (entry->val == option) {
            return entry->name;
        }
    }
    return "";
}

enum { ABSOLUTE = 2 * PATH_MAX };

/* False: the current folder has no name; standard error has a sentence on it. */
static bool make_absolute(const char *path, char absolute[ABSOLUTE])
{
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder) == NULL) {
        say(ECHSHIM, "the current folder has no name: %s", strerror(errno));
        return false;
    }
    (void)snprintf(absolute, ABSOLUTE, "%s/%s", folder, path);
    return true;
}

static int set_variable(int index, const char *value)
{
    char absolute[ABSOLUTE];
    if (setting_is_path(index) && value[0] != '/' && strncmp(value, "fd:", 3) != 0 &&
        !(index == SHIM_CONF_REPORT && strcmp(value, SHIM_REPORT_TO_JOURNAL) == 0)) {
        if (!make_absolute(value, absolute)) {
            return EXIT_OWN;
        }
        value = absolute;
    }
    const char *variable =
        index == SETTING_CONF ? "ECHSHIM_CONF" : shim_conf_variable((enum shim_conf_key)index);
    if (setenv(variable, value, 1) != 0) {
        say(ECHSHIM, "there is no memory for the settings");
        return EXIT_OWN;
    }
    return 0;
}

static int set(int index, const char *value, int option)
{
    const char *problem = setting_check(index, value);
    if (problem != NULL) {
        say(ECHSHIM, "--%s: cannot use \"%.*s\": %s", option_name(option), QUOTED_MAX, value,
            problem);
        return EXIT_OWN;
    }
    return set_variable(index, value);
}

static int check_relay_hosts(const char *hosts)
{
    if (hosts != NULL && (*hosts == '\0' || strspn(hosts, HOST_LETTERS) != strlen(hosts))) {
        say(ECHSHIM, "--relay: cannot use \"%.*s\": it is names, comma-separated, or nothing",
            QUOTED_MAX, hosts);
        return EXIT_OWN;
    }
    return 0;
}

/* The relay works in another folder. */
static int take_relay_ca(struct options *options, const char *value)
{
    const char *problem = setting_check_readable(value);
    options->relay_ca = problem == NULL ? realpath(value, NULL) : NULL;
    if (options->relay_ca == NULL) {
        say(ECHSHIM, "--relay-ca: cannot use \"%.*s\": %s", QUOTED_MAX, value,
            problem != NULL ? problem : strerror(errno));
        return EXIT_OWN;
    }
    return 0;
}

static bool is_page(const char *file)
{
    static const char ending[] = ".html";
    size_t length = strlen(file);
    return length >= sizeof ending && strcmp(file + length - (sizeof ending - 1), ending) == 0;
}

/* --report: the table; --report=FILE.html: the page, whose folder the program may leave; or the
 * setting. */
static int take_report(struct options *options, const char *value)
{
    static char page[ABSOLUTE];
    const char *obstacle = NULL;
    if (value == NULL) {
        options->table = true;
        return 0;
    }
    if (!is_page(value) || strncmp(value, "fd:", 3) == 0) {
        return set(SHIM_CONF_REPORT, value, OPTION_REPORT);
    }
    if (value[0] == '/' && snprintf(page, sizeof page, "%s", value) >= (int)sizeof page) {
        obstacle = "the name is too long";
    } else if (value[0] != '/' && !make_absolute(value, page)) {
        return EXIT_OWN;
    }
    obstacle = obstacle != NULL ? obstacle : page_obstacle(page);
    if (obstacle != NULL) {
        say(ECHSHIM, "--report: cannot use \"%.*s\": %s", QUOTED_MAX, value, obstacle);
        return EXIT_OWN;
    }
    options->page = page;
    return 0;
}

static int take_watch(struct options *options, const char *value)
{
    if (live_form_parse(value != NULL ? value : "auto", &options->watch)) {
        return 0;
    }
    say(ECHSHIM, "--watch: cannot use \"%.*s\": it is auto, lines or screen", QUOTED_MAX, value);
    return EXIT_OWN;
}

bool options_stay(const struct options *options)
{
    return options->table || options->page != NULL || options->watch != LIVE_OFF;
}

static int take(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_STRICT:
        options->refuse_programs = value != NULL && strcmp(value, "refuse-program") == 0;
        if (value != NULL && !options->refuse_programs) {
            say(ECHSHIM, "--strict: cannot use \"%.*s\": it is refuse-program, or nothing",
                QUOTED_MAX, value);
            return EXIT_OWN;
        }
        return set(SHIM_CONF_MODE, "strict", option);
    case OPTION_GREASE:
        return set(SHIM_CONF_MODE, "grease", option);
    case OPTION_OFF:
        return set(SHIM_CONF_MODE, "off", option);
    case OPTION_NO_RETRY:
        return set(SHIM_CONF_RETRY, "off", option);
    case OPTION_NO_GREASE:
        return set(SHIM_CONF_GREASE, "off", option);
    case OPTION_PRIVATE:
        return set(SHIM_CONF_PRIVATE, value != NULL ? value : "on", option);
    case OPTION_REPORT:
        return take_report(options, value);
    case OPTION_WATCH:
        return take_watch(options, value);
    case OPTION_RELAY:
        options->relay = true;
        options->relay_hosts = value;
        return check_relay_hosts(value);
    case OPTION_RELAY_CA:
        return take_relay_ca(options, value);
    case OPTION_JSON:
        options->json = true;
        return 0;
    case OPTION_COLOR:
        if (say_color_parse(value, &options->color)) {
            return 0;
        }
        say(ECHSHIM, "--color: cannot use \"%.*s\": it is auto, always or never", QUOTED_MAX,
            value);
        return EXIT_OWN;
    case 'q':
        options->quiet = true;
        return 0;
    case OPTION_LEAD:
        options->called = options->own_name;
        return 0;
    case OPTION_INSPECT:
        options->action = ACTION_INSPECT;
        return 0;
    case OPTION_CHECK_CONF:
        options->action = ACTION_CHECK_CONF;
        return 0;
    default:
        return option >= OPTION_SETTING && option <= OPTION_SETTING + SETTING_CONF
                   ? set(option - OPTION_SETTING, value, option)
                   : EXIT_OWN; /* getopt has said what is wrong */
    }
}

/* Once for the whole run; the programs' own logs have the same at level warn. */
static void warn_of_outer_name(const struct options *options)
{
    const char *name = getenv(shim_conf_variable(SHIM_CONF_OUTER_NAME));
    if (options->action == ACTION_RUN && !options->quiet && options->called == NULL &&
        name != NULL && strcmp(name, "") != 0 && strcmp(name, SHIM_CONF_USUAL_OUTER_NAME) != 0) {
        say(ECHSHIM, "outer_name: servers may refuse it, and a rejection of ECH counts only with a "
                     "certificate for it and for the public name");
    }
}

int options_parse(struct options *options, int argc, char *argv[])
{
    static char name[] = ECHSHIM;
    *options = (struct options){.action = ACTION_RUN};
    if (argc > 0) {
        options->own_name = argv[0];
        argv[0] = name; /* getopt's messages begin with it */
    }
    int option;
    while ((option = getopt_long(argc, argv, "+hq", long_options, NULL)) != -1) {
        if (option == 'h' || option == OPTION_VERSION) {
            options->action = option == 'h' ? ACTION_HELP : ACTION_VERSION;
            return 0;
        }
        int code = take(options, option, optarg);
        if (code != 0) {
            return code;
        }
    }
    options->program = argv + optind;
    warn_of_outer_name(options);
    if (options->action == ACTION_CHECK_CONF) {
        if (options->program[0] != NULL && options->program[1] != NULL) {
            say(ECHSHIM, "--check-config takes one file, or none");
            return EXIT_OWN;
        }
        return 0;
    }
    if (options->program[0] == NULL) {
        say(ECHSHIM, "a program is missing (see echshim --help)");
        return EXIT_OWN;
    }
    if (options->json && options->action == ACTION_RUN && !options->table) {
        say(ECHSHIM, "--json goes with --report or --inspect");
        return EXIT_OWN;
    }
    return 0;
}

void options_help(FILE *out)
{
    static const char text[] =
        "usage: echshim [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
        "       echshim --inspect [--json] PROGRAM\n"
        "       echshim --check-config [FILE]\n"
        "\n"
        "Runs a program with libechshim in it: its TLS connections are made with Encrypted Client\n"
        "Hello (RFC 9849). Settings without an option come from the environment.\n"
        "\n"
        "  --mode=MODE          off, grease, opportunistic or strict\n"
        "  --strict             mode strict: no TLS connection without ECH, also of programs that\n"
        "                       the shim cannot be in\n"
        "  --strict=refuse-program\n"
        "                       the same, and programs that the shim cannot be in do not run\n"
        "  --grease             mode grease\n"
        "  --off                mode off\n"
        "  --ports=LIST         ports on which the shim looks for TLS, comma-separated (443)\n"
        "  --resolver=RESOLVER  where to ask for HTTPS records: system, udp://IP, tcp://IP, ...\n"
        "  --config-list=LIST   Base64 of an ECHConfigList, or NAME=BASE64,...; no look-ups\n"
        "  --outer-name=NAME    the name that observers see, instead of the public name\n"
        "  --retry=on|off       the hidden retry after a rejection\n"
        "  --no-retry           the same as --retry=off\n"
        "  --no-grease          no GREASE where there is no ECHConfig\n"
        "  --ca-file=FILE       trust anchors (PEM) for public names, instead of the system's\n"
        "  --resolver-proxy=PROXY\n"
        "                       socks5h://HOST:PORT or http://HOST:PORT, to an encrypted resolver\n"
        "  --timeout=MS         bound on one look-up (2000)\n"
        "  --private[=on|off]   ECH also for private addresses\n"
        "  --detours=on|off     detours in programs that contain OpenSSL, such as Node.js\n"
        "  --relay[=HOST,...]   ends the TLS that nothing else reaches on this machine, under an\n"
        "                       authority of this run, and connects on with ECH: see echshim(1)\n"
        "  --relay-ca=FILE      with --relay: more trust anchors (PEM) for the real servers\n"
        "  --go=on|off          the ECH that Go programs have is switched on\n"
        "  --cache=FOLDER       a cache of look-ups that processes share\n"
        "  --conf=FILE          the configuration file\n"
        "  --log=LEVEL          off, error, warn, info or debug\n"
        "  --log-file=FILE      where the log goes\n"
        "  --report             a table of all handshakes, on standard error, at the end\n"
        "  --report=FILE        a JSON line for each handshake is appended to FILE (or fd:N);\n"
        "                       journald: an entry for each to the system's journal\n"
        "  --report=FILE.html   a page with the table and a time line, at the end\n"
        "  --watch[=FORM]       the handshakes as they happen: lines, a screen (if the program's\n"
        "                       output goes elsewhere), or auto\n"
        "  --json               with --report, --inspect: JSON instead of a table\n"
        "  --inspect            how the program does TLS, and what the shim will do, without\n"
        "                       running the program\n"
        "  --check-config       problems in the configuration files, or in FILE, and the settings\n"
        "                       that result\n"
        "  --color=WHEN         auto (terminals only, and not with NO_COLOR), always, never\n"
        "  -q, --quiet          no warnings, as of programs that the shim cannot be loaded into\n"
        "  --version            the version\n"
        "  -h, --help           this summary\n"
        "\n"
        "Exit status: the program's. 121: refused (strict), 125: echshim itself failed, 126: the\n"
        "program cannot be executed, 127: there is none.\n";
    (void)fputs(text, out);
}
