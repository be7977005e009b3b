#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""styles.py DOCUMENT OPENSSL4.json OTHERS.json: writes docs/styles.md from what the preload tests say (their option --json). A cell
is one test: the library, the way that the program calls it, and the kind of handshake. Exit status 1 if a test failed."""
import json
import re
import sys

LIBRARIES = ("OpenSSL 4", "NSS", "BoringSSL")
KINDS = ("Accepted", "HelloRetryRequest", "Stale key", "Stale key and HelloRetryRequest")
# Library: the suite of the styles, the tests of a stale key (%s: the style), and the file that has the styles of one test for all.
SUITES = {
    "OpenSSL 4": ("openssl", "retry/ech_83_openssl_%s", "retry/ech_83_openssl_%s_hello_retry", None),
    "NSS": ("nss", "nss_failures/ech_83_stale_config", "nss_failures/ech_83_stale_config_and_second_hello",
            "tests/preload/nss_ways.h"),
    "BoringSSL": ("boringssl_client", "boringssl_failures/ech_83_stale_config",
                  "boringssl_failures/ech_83_stale_config_and_second_hello", "tests/preload/test_boringssl.c"),
}
# What is tested in one style: its name, and a test of each library.
OTHERS = (
    ("ECH is securely disabled, `opportunistic`", "openssl4/ech_86_the_attempt_after_the_error_is_without_ech",
     "nss_disabled/ech_86_next_attempt_is_without_ech", "boringssl_failures/ech_86_disabled"),
    ("ECH is securely disabled, `strict`", "openssl4/ech_86_strict_refuses_the_next_attempt_too",
     "nss_disabled/strict_refuses_both", "boringssl_failures/strict_disabled"),
    ("resumed", "openssl/resume", "nss/resume", "boringssl_client/resume"),
    ("resumed after a rejection", "retry/ech_83_openssl_resume", "nss_failures/ech_83_stale_config_and_a_resumed_session",
     "boringssl_failures/ech_83_stale_config_and_a_resumed_session"),
    ("early data", "early_data/ech_50_goes_with_an_accepted_hello", "nss_early_data/ech_50_goes_with_an_accepted_hello",
     "boringssl_client/ech_50_early_data"),
    ("early data and a rejection", "early_data/ech_50_is_sent_again_after_a_rejection",
     "nss_early_data/ech_50_is_sent_again_after_a_rejection", "boringssl_client/ech_50_early_data_after_a_rejection"),
    ("early data and a HelloRetryRequest", "early_data/ech_50_is_refused_by_a_hello_retry_request",
     "nss_early_data/ech_50_is_refused_by_a_hello_retry_request", "boringssl_client/ech_50_early_data_and_second_hello"),
    ("`strict`, no record", "strict/no_record_s_client", "nss_failures/strict_without_record", "boringssl_failures/strict_without_record"),
    ("`strict`, accepted", "openssl4/info_callbacks_are_the_programs_in_strict_mode", "nss_strict/accepted", "boringssl_client/strict"),
)
# No handshakes of the library with ECH: what the shim leaves alone, and Qt, which uses this machine's OpenSSL.
NOT_HERE = re.compile("left_alone|^qt")
STATES = {"PASSED": "passed", "SKIPPED": "left out", "FAILED": "**failed**", "ERRORED": "**failed**"}


def read(path):
    with open(path, encoding="utf-8") as file:
        suites = json.load(file)["test_suites"]
    return {suite["name"] + "/" + test["name"]: test for suite in suites for test in suite["tests"]}


def cell(tests, name, notes):
    test = tests.get(name)
    if test is None:
        return "-"
    if test["status"] == "SKIPPED":
        why = " ".join(test.get("messages", []))
        if why not in notes:
            notes.append(why)
        return "left out (%d)" % (notes.index(why) + 1)
    return STATES[test["status"]]


def styles_of(path):
    """The styles of a test that tries many."""
    if path is None:
        return None
    with open(path, encoding="utf-8") as file:
        ways = re.search(r"\bways\[\] = \{(.*?)\};", file.read(), re.S).group(1)
    return {way.replace("-", "_") for way in re.findall(r'CLIENT\("([a-z-]+)"\)', ways)}


def table(library, tests, notes):
    suite, stale, both, path = SUITES[library]
    shared = styles_of(path)
    yield "| Style | " + " | ".join(KINDS) + " |"
    yield "|---|" + "---|" * len(KINDS)
    names = {name.split("/")[1] for name in tests if name.startswith(suite + "/")}
    for style in sorted(name for name in names if name + "_retry" in names and not NOT_HERE.search(name)):
        cells = [cell(tests, "%s/%s" % (suite, style), notes), cell(tests, "%s/%s_retry" % (suite, style), notes)]
        for test in (stale, both):
            if shared is None:
                cells.append(cell(tests, test % style, notes))
            else:
                cells.append(cell(tests, test, notes) if style in shared else "-")
        yield "| %s | %s |" % (style.replace("_", " "), " | ".join(cells))


def document(results):
    notes = []
    parts = ["# Ways to call a library", "",
             "`make styles` makes this page: the tests of the libraries that have ECH of their own, by the way that the program calls them.",
             "Each cell is a test of `make check-preload` or of `make check-openssl4`. A dash: there is no test for that. The clients in",
             "`tests/preload/clients/` show what a style is; for example `direct` is `SSL_connect`, `implicit` is a first `SSL_write`, and",
             "`late name` sets the name when the handshake has begun.", ""]
    for library in LIBRARIES:
        parts += ["## " + library, ""] + list(table(library, results[library], notes)) + [""]
    parts += ["## Other handshakes", "", "| | " + " | ".join(LIBRARIES) + " |", "|---|" + "---|" * len(LIBRARIES)]
    for name, *tests in OTHERS:
        cells = [cell(results[library], test, notes) for library, test in zip(LIBRARIES, tests)]
        parts.append("| %s | %s |" % (name, " | ".join(cells)))
    text = "\n".join(parts) + "\n"
    counts = [len(re.findall(r"\| %s(?= )" % word, text)) for word in ("passed", "left out", r"\*\*failed\*\*")]
    total = "\n**%d passed, %d left out with a reason, %d failed.**\n" % tuple(counts)
    if notes:
        total += "\nLeft out, because:\n\n" + "".join("%d. %s\n" % (i + 1, note) for i, note in enumerate(notes))
    return text + total, counts[2]


def main():
    path, openssl4, others = sys.argv[1:]
    rest = read(others)
    text, failed = document({"OpenSSL 4": read(openssl4), "NSS": rest, "BoringSSL": rest})
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print("styles: %s is written; %d failed" % (path, failed))
    sys.exit(failed != 0)


main()
