#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make.sh FOLDER: compiles heads.c with the compilers that are here and many flags, each into FOLDER/COMPILER-NUMBER.so, and writes
# FOLDER/flags: a line "FILE COMPILER FLAGS" for each. A compiler that does not know a flag is passed over.
set -eu
source=$(cd "$(dirname "$0")" && pwd)/heads.c
rm -rf "$1"
mkdir -p "$1"
# A compiler writes the notes of --coverage where it is called.
cd "$1"

table='-O0
-Og
-O1
-O2
-O3
-Os
-Oz
-O2 -fcf-protection=none
-O2 -fcf-protection=full
-O2 -pg
-O2 -pg -mfentry
-O2 -fstack-protector-all
-O2 -fpatchable-function-entry=2
-O2 -fpatchable-function-entry=16,4 -fcf-protection=full
-O2 -fno-omit-frame-pointer
-O2 -fno-plt
-O2 -fno-pic -no-pie
-O2 -mcmodel=large
-O2 -march=x86-64-v3
-O3 -march=x86-64-v4 -mprefer-vector-width=512
-O2 -fstack-clash-protection
-O2 -fzero-call-used-regs=all
-O2 -ftrivial-auto-var-init=pattern
-O2 -finstrument-functions
-O2 -mharden-sls=all
-O2 -mretpoline
-O2 -mindirect-branch=thunk -mfunction-return=thunk
-O2 --coverage -fprofile-update=atomic
-O2 -fprofile-generate
-O2 -fprofile-instr-generate
-O2 -mtls-dialect=gnu2
-O1 -fsanitize=address
-O1 -fsanitize=undefined
-O1 -fsanitize=thread
-O2 -fsanitize=safe-stack
-O2 -fsanitize=kcfi
-O2 -fsplit-stack
-Os -falign-functions=1
-O2 -fxray-instrument -fxray-instruction-threshold=1'

# compile FILE COMPILER FLAGS
compile() {
    local file=$1 compiler=$2 kind='-shared -fPIC -Wl,-Bsymbolic'
    shift 2
    case " $* " in
    *" -no-pie "*) kind='-Wl,-e,start' ;;
    esac
    # shellcheck disable=SC2086
    "$compiler" -std=gnu11 -w -pthread $kind "$@" -nostdlib -Wl,--unresolved-symbols=ignore-all -o "$file" "$source" 2>/dev/null &&
        echo "$file $compiler $*" >>flags
}

for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || continue
    number=0
    echo "$table" | while read -r flags; do
        number=$((number + 1))
        # shellcheck disable=SC2086
        compile "$compiler-$number.so" "$compiler" $flags || true
    done
done
