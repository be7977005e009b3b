#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# qdevice.sh DATABASE: a cluster of one node, whose corosync-qdevice asks the quorum server $HOST. It has its own /run, because of what
# both leave there. Prints the last that corosync-qdevice says of the server, and ends as it does.
set -eu
database=${1:?usage: qdevice.sh DATABASE}
# shellcheck disable=SC2016 # all of it is for the inner shell
unshare --mount --propagation private sh -euc '
    database=$1
    mount -t tmpfs tmpfs /run
    mkdir /run/corosync /run/corosync-qdevice
    printf "%s\n" "totem {" "version: 2" "cluster_name: c" "transport: udpu" "}" "system {" "state_dir: /run/corosync" "}" \
        "nodelist {" "node {" "ring0_addr: 127.0.0.1" "nodeid: 1" "name: a" "}" "}" \
        "quorum {" "provider: corosync_votequorum" "device {" "model: net" "votes: 1" \
        "net {" "host: $HOST" "port: 443" "algorithm: ffsplit" "tls: required" "}" "}" "}" \
        "logging {" "to_stderr: yes" "to_syslog: no" "to_logfile: no" "}" >/run/corosync.conf
    corosync -f -c /run/corosync.conf >/run/log 2>&1 &
    corosync=$!
    while kill -0 $corosync && ! corosync-cmapctl -g totem.version >/dev/null 2>&1; do
        sleep 0.1
    done
    status=0
    timeout 10 corosync-qdevice -f -d -S net_nss_db_dir="$database" -S net_nss_qnetd_cn="$HOST" >/run/qdevice 2>&1 || status=$?
    kill $corosync
    wait
    grep "server" /run/qdevice | tail -n 1 | cut -c 17-
    exit $status' qdevice.sh "$database"
