#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# table.sh RESULTS DOCUMENT: makes docs/programs.md from what build/program-tests left in the folder RESULTS: for each program
# and each state of the key a file of lines "way, verdict, outcomes", separated by tabs.
set -eu
results=${1:?usage: table.sh RESULTS DOCUMENT}
document=${2:?usage: table.sh RESULTS DOCUMENT}
made=$(mktemp)
trap 'rm -f "$made"' EXIT

# version_of PACKAGE...: the version of the first one that is installed, without the distribution's own part.
version_of() {
    dpkg-query -W -f '${db:Status-Status} ${source:Upstream-Version}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sed 's/[+~].*//;q'
}

# Rows: program, version, library, then "way=verdict=outcomes" of each way, for the three states of the key.
rows() {
    for current in "$results"/*.current; do
        number=${current%.current}
        cat "$current" "$number.stale" "$number.none" | awk -F '\t' '
            $2 == "program" { name = $1; version = $3; keys++; next }
            $2 == "skipped" { exit }
            $2 == "library" { if ($3 != "-") library = $3; next }
            keys > 0 { cells[keys] = cells[keys] "\t" $1 "=" $2 "=" $3 }
            END {
                if (keys == 3)
                    print name "|" version "|" library "|" cells[1] "|" cells[2] "|" cells[3]
            }'
    done
}

openssl=$(version_of libssl3 libssl3t64)
gnutls=$(version_of libgnutls30 libgnutls30t64)
system=$(. /etc/os-release && echo "$PRETTY_NAME")
rows | sort -f | awk -F '|' -v openssl="$openssl" -v gnutls="$gnutls" -v system_name="$system" '
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
            told = tell(part[2], part[3])
            if (i == from)
                single = told
            else if (told != single)
                single = ""
            all = all (all == "" ? "" : "; ") part[1] ": " told
        }
        return all == "" ? "**not judged**" : single != "" ? single : all
    }
    {
        library = $3 == "openssl" ? "OpenSSL" : $3 == "gnutls" ? "GnuTLS" : "-"
        row[NR] = "| " $1 " | " upstream($2) " | " library " | " cell($4, 1, 9) " | " cell($5, 1, 9) " | " cell($6, 1, 1) " | " cell($6, 2, 9) " |"
    }
    END {
        print "# Programs"
        print ""
        print "`make matrix` makes this page: " NR " unmodified programs of " system_name ", each " runs / NR " times under the shim and beside"
        print "itself without it, in a network with a DNS server, an ECH server (BoringSSL) and a relay that records every octet. `tests/programs/`"
        print "has the command lines. The ways: `opportunistic` and `strict` with the system'"'"'s resolver, and `strict` with a `tls://`"
        print "resolver. The server has the key that is in DNS, or a newer one (*stale*), or there is no record. A cell has what the report says about"
        print "the program'"'"'s handshakes, with a count if there was more than one."
        print ""
        print "* If no outcome is an error, output and exit status were the same as without the shim."
        print "* If one is an error (`refused`), the program ended in its own time, by no signal, with its own error."
        print "* The name was in no octet that went to the server, nor, with `tls://`, in a question to port 53. `grease` and `plain` are the exception:"
        print "  they mean that the name went out."
        print ""
        print "OpenSSL is " openssl ", GnuTLS " gnutls "."
        print ""
        printf "**%d runs: %d the same as without the shim, %d refused with a reason, %d broken, %d leaks.**\n\n", runs,
            verdicts["same"], verdicts["refused"], verdicts["broken"], verdicts["leak"]
        print "| Program | Version | Library | Current key | Stale key | No record, `opportunistic` | No record, `strict` |"
        print "|---|---|---|---|---|---|---|"
        for (i = 1; i <= NR; i++)
            print row[i]
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
