#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# table.sh RESULTS DOCUMENT: makes docs/programs.md from what matrix.sh left in the folder RESULTS. For each suite there is a folder
# with `facts`, and for each program and each state of the key a file of lines "way, verdict, outcomes", separated by tabs.
set -eu
results=${1:?usage: table.sh RESULTS DOCUMENT}
document=${2:?usage: table.sh RESULTS DOCUMENT}
made=$(mktemp)
trap 'rm -f "$made"' EXIT

# rows SUITE: program, version, library, then "way=verdict=outcomes" of each way, for the three states of the key.
rows() {
    for current in "$results/$1"/*.current; do
        number=${current%.current}
        cat "$current" "$number.stale" "$number.none" 2>/dev/null | awk -F '\t' '
            $2 == "program" { name = $1; version = $3; keys++; next }
            $2 == "skipped" { exit }
            $2 == "library" { if ($3 != "-") library = $3; next }
            keys > 0 { cells[keys] = cells[keys] "\t" $1 "=" $2 "=" $3 }
            END {
                if (keys == 3)
                    print name "|" version "|" library "|" cells[1] "|" cells[2] "|" cells[3]
            }'
    done | sort -f
}

# fact SUITE NAME: the versions or the name of the system.
fact() {
    sed -n "s/^$2 //p" "$results/$1/facts" | paste -s -d , | sed 's/,/ and /g'
}

suites=$(find "$results" -mindepth 2 -maxdepth 2 -name facts -printf '%h\n' | sed 's#.*/##' | sed '/^machine$/d' | sort)
[ ! -d "$results/machine" ] || suites="machine $suites"
{
    for suite in $suites; do
        echo "suite|$(fact "$suite" system)|$(fact "$suite" openssl)|$(fact "$suite" gnutls28)"
        rows "$suite"
        if [ -f "$results/$suite/left_out" ]; then
            sed 's/^/left out|/' "$results/$suite/left_out"
        fi
    done
    if [ -f "$results/left_out" ]; then
        sed 's/^/left out|/' "$results/left_out"
    fi
} | awk -F '|' '
    # The upstream part of a version.
    function upstream(version) {
        sub(/^[0-9]+:/, "", version)
        sub(/[-+~][^-]*$/, "", version)
        sub(/[+~].*/, "", version)
        return version
    }
    function tell(verdict, outcomes) {
        gsub(/ x/, " \303\227 ", outcomes)
        if (outcomes == "")
            outcomes = "not reported"
        if (verdict == "broken" || verdict == "leak")
            return "**" verdict "**: " outcomes
        return outcomes
    }
    # One cell for all ways of a state; it names the ways where their outcomes differ.
    function cell(text, from, to,    count, ways, i, part, told, single, all) {
        count = split(substr(text, 2), ways, "\t")
        if (to > count)
            to = count
        for (i = from; i <= to; i++) {
            split(ways[i], part, "=")
            runs++
            verdicts[part[2]]++
            if (part[2] == "broken" || part[2] == "leak")
                result = "broken"
            told = tell(part[2], part[3])
            if (i == from)
                single = told
            else if (told != single)
                single = ""
            all = all (all == "" ? "" : "; ") part[1] ": " told
        }
        return all == "" ? "**not judged**" : single != "" ? single : all
    }
    # What became of the pair: by its first way, with the current key.
    function result_of(text,    ways, part) {
        split(substr(text, 2), ways, "\t")
        split(ways[1], part, "=")
        if (part[3] ~ /^accepted/)
            return "ECH"
        if (part[3] == "")
            return "plain (port not watched)"
        sub(/ x[0-9]+$/, "", part[3])
        sub(/,.*/, "", part[3])
        if (sub(/^(plain|grease): /, "", part[3]))
            return "plain (" part[3] ")"
        if (sub(/^refused: /, "", part[3]))
            return "refused (" part[3] ")"
        return part[3]
    }
    function library_name(library) {
        return library == "openssl" ? "OpenSSL" : library == "gnutls" ? "GnuTLS" : library == "mbedtls" ? "Mbed TLS" : library == "nss" ? "NSS" : library == "" ? "-" : library
    }
    function put(line) {
        lines[++count] = line
    }
    $1 == "suite" {
        if (NR > 1)
            put("")
        put("## " $2)
        put("")
        put("OpenSSL is " $3 ", GnuTLS " $4 ".")
        put("")
        put("| Program | Version | Library | Current key | Stale key | No record, `opportunistic` | No record, `strict` | Result |")
        put("|---|---|---|---|---|---|---|---|")
        suites++
        next
    }
    $1 == "left out" {
        put("")
        put("Left out: " $2)
        next
    }
    {
        result = result_of($4)
        row = "| " $1 " | " upstream($2) " | " library_name($3) " | " cell($4, 1, 9) " | " cell($5, 1, 9) " | " cell($6, 1, 1) " | " cell($6, 2, 9) " | "
        put(row result " |")
        sub(/ .*/, "", result)
        results[result]++
        pairs++
    }
    END {
        print "# Programs"
        print ""
        print "`make matrix` makes this page: unmodified programs of " suites " releases of Debian, " pairs " pairs of program and release. Each ran"
        print "under the shim, and beside itself without it, in a network with a DNS server, an ECH server (BoringSSL) and a relay that records every"
        print "octet. `tests/programs/` has the command lines. The ways: `opportunistic` and `strict` with the system'"'"'s resolver; on the machine"
        print "that made this page, and for programs that `tunnel`, also `strict` with a `tls://` resolver. The server has the key that is in DNS, or"
        print "a newer one (*stale*), or there is no record. A cell has what the report says about the program'"'"'s handshakes, with a count if there"
        print "was more than one."
        print ""
        print "* If no outcome is an error, output and exit status were the same as without the shim."
        print "* If one is an error (`refused`), the program ended in its own time, by no signal, with its own error."
        print "* The name was in no octet that went to the server, nor, with `tls://`, in a question to port 53. `grease` and `plain` are the exception:"
        print "  they mean that the name went out."
        print "* The result of a pair is `ECH`, or the reason why not. `launcher` means that the program ran by `echshim`, which warns of a program that"
        print "  the shim cannot be in, and in strict mode holds it."
        print "* `tunnel` means that the program says something else before TLS (STARTTLS). Then only an encrypted resolver is asked, and with it the"
        print "  program has ECH."
        print "* The shim is the build of this machine: the libraries have the same names in each release. Only Debian 11 has an older C library; there"
        print "  it is what `make check-suites SUITE_NAMES=bullseye` built."
        print ""
        printf "**%d runs: %d the same as without the shim, %d refused with a reason, %d broken, %d leaks. %d pairs: %d ECH, %d plain with a reason, %d refused with a reason, %d broken.**\n\n",
            runs, verdicts["same"], verdicts["refused"], verdicts["broken"], verdicts["leak"], pairs, results["ECH"], results["plain"],
            results["refused"], results["broken"]
        for (i = 1; i <= count; i++)
            print lines[i]
        print ""
        print "## TLS inside the program"
        print ""
        print "Programs that no library of the system makes TLS for, from [inside.md](inside.md):"
        print ""
        print "<!-- begin inside -->"
        print "<!-- end inside -->"
    }' >"$made"
cat "$made" >"$document"
echo "programs: $document is written"
