#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# proxy.sh TARGET COMMAND...: starts COMMAND, which serves HTTP at 127.0.0.1:8080 (HTTPS if TLS is set), asks it for TARGET, shows the
# body of the answer, and ends it. The head of the answer and COMMAND's own output are left out: they contain times and versions.
set -u
target=$1
shift
"$@" </dev/null >proxy.log 2>&1 &
server=$!

# In the words of /proc/net/tcp: 127.0.0.1, port 8080, listening. A trial connection would also reach the server behind.
listening='0100007F:1F90 00000000:0000 0A'
for _ in $(seq 100); do
    ! grep -q "$listening" /proc/net/tcp || break
    sleep 0.1
done
if [ -n "${TLS:-}" ]; then
    LD_PRELOAD='' curl -s -k -i -m 15 -H "Host: $HOST" "https://127.0.0.1:8080$target" >answer || cat proxy.log >&2
else
    exec 3<>/dev/tcp/127.0.0.1/8080 || cat proxy.log >&2
    printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$target" "$HOST" >&3
    timeout 15 cat <&3 >answer
    exec 3>&-
fi
kill "$server" 2>/dev/null
wait "$server" 2>/dev/null
sed '1,/^\r$/d' answer
grep -q '^HTTP/1.. 200' answer
