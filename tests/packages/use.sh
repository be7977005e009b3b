#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In a throw-away root of kind "fresh": installs the packages of /share as a user would, tries what is in them and what
# docs/examples says of them, and removes them. Nothing of them may stay.
set -eu
trap '[ $? -eq 0 ] || echo "packages: use.sh ended early" >&2' EXIT
apt-get update -qq
apt-get install -y -qq --no-install-recommends wget ca-certificates >/dev/null 2>&1

failed() {
    echo "packages: $*" >&2
    exit 1
}
say() {
    echo "packages: $*"
}

# All files but those that a package manager writes for itself.
files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /share -o -path /var/cache -o -path /var/log \
        -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -print | sort
}

mkdir /tmp/new
cp /share/*.deb /tmp/new
rm -f /tmp/new/*-dbgsym_*.deb
# The libraries' dependencies stay installed.
apt-get install -y -qq --no-install-recommends /tmp/new/*.deb >/tmp/log 2>&1 || {
    cat /tmp/log
    failed "cannot be installed"
}
apt-get purge -y -qq echshim libechshim >/dev/null
files >/tmp/before

# ---- upgrade: from the same packages with a lower version ----
mkdir /tmp/old
for package in /tmp/new/*.deb; do
    dpkg-deb -R "$package" /tmp/older
    sed -i 's/^Version: .*/Version: 0.0.1-1/; s/(= [^)]*)/(= 0.0.1-1)/' /tmp/older/DEBIAN/control
    dpkg-deb -b /tmp/older "/tmp/old/${package##*/}" >/dev/null
    rm -rf /tmp/older
done
apt-get install -y -qq --no-install-recommends /tmp/old/*.deb >/dev/null
[ "$(dpkg-query -W -f '${Version}' echshim)" = 0.0.1-1 ] || failed "the older packages are not installed"
apt-get install -y -qq --no-install-recommends /tmp/new/*.deb >/dev/null
[ "$(dpkg-query -W -f '${Version}' echshim)" = "$(dpkg-deb -f /tmp/new/echshim_*.deb Version)" ] || failed "not upgraded"
dpkg -V libechshim echshim || failed "files are not as they were packed"
say "installed and upgraded"

# ---- the libraries, as the loader reports them ----
# shellcheck disable=SC2016 # $LIB is for the loader
library='/usr/$LIB/libechshim.so'
multiarch=$(dpkg -L libechshim | sed -n 's,^/usr/lib/\(.*\)/libechshim.so$,\1,p')
[ -n "$multiarch" ] || failed "libechshim.so is in no folder of an architecture"
LD_PRELOAD=$library grep -q "/usr/lib/$multiarch/libechshim.so" /proc/self/maps || failed "$library does not lead to libechshim.so"
said=$(LD_PRELOAD=$library true 2>&1)
[ -z "$said" ] || failed "it says: $said"
say "$library is in programs"

# Files that several architectures share are the same in each.
others=$(dpkg -L libechshim | while read -r file; do [ ! -f "$file" ] || echo "$file"; done |
    grep -v -e "^/usr/lib/$multiarch/" -e '^/usr/share/' -e '^/etc/') || true
[ -z "$others" ] || failed "not for several architectures side by side: $others"

# ---- the tools ----
[ "$(echshim --strict printenv LD_PRELOAD)" = "/usr/lib/$multiarch/libechshim.so" ] || failed "echshim does not find the library"
echshim --inspect wget | grep -q '^preload *works' || failed "echshim --inspect wget"
echdig --decode AD7+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAA== >/dev/null ||
    failed "echdig --decode"
echprobe --help >/dev/null || failed "echprobe --help"
for file in /usr/share/man/man1/echshim.1.gz /usr/share/man/man7/libechshim.7.gz /usr/share/bash-completion/completions/echshim \
    /usr/share/doc/libechshim/README.md /usr/share/doc/libechshim/docs/examples/ci-wrapper; do
    # A minimal Debian leaves pages and documents out; the packages contain them all the same.
    dpkg -L libechshim echshim | grep -qx "$file" || failed "$file is in neither package"
done
say "the tools work"

# ---- docs/examples/ci-wrapper; debian/tests makes handshakes under it ----
dpkg-deb --fsys-tarfile /tmp/new/libechshim_*.deb | tar -xf - -C /tmp ./usr/share/doc/libechshim/docs/examples
wrapper=/tmp/usr/share/doc/libechshim/docs/examples/ci-wrapper
sh "$wrapper" true 2>/tmp/said || failed "ci-wrapper true"
grep -q 'no handshake was reported' /tmp/said || failed "ci-wrapper does not say that nothing was reported"

# ---- docs/examples/echshim.conf, in its place: it has no mistakes, and programs find it ----
cp "${wrapper%/*}/echshim.conf" /etc/echshim.conf
echshim --check-config >/tmp/said 2>&1 || failed "echshim --check-config: $(cat /tmp/said)"
echo 'mode = no such mode' >>/etc/echshim.conf
! echshim --check-config >/tmp/said 2>&1 || failed "echshim --check-config is content with anything"
grep -q '/etc/echshim.conf:' /tmp/said || failed "echshim --check-config does not name the file: $(cat /tmp/said)"
rm /etc/echshim.conf

# ---- /etc/ld.so.preload: every program has the shim, also one that clears its environment ----
echo "$library" >/etc/ld.so.preload
env -i /bin/grep -q libechshim.so /proc/self/maps || failed "ld.so.preload does not load it"
said=$(env -i /bin/sh -c 'ls / >/dev/null; apt-get --version >/dev/null; su nobody -s /bin/sh -c true' 2>&1)
[ -z "$said" ] || failed "under ld.so.preload: $said"
rm /etc/ld.so.preload
say "the examples hold"

# ---- removal ----
apt-get remove -y -qq echshim libechshim >/dev/null
dpkg --purge echshim libechshim >/dev/null 2>&1
files >/tmp/after
diff /tmp/before /tmp/after || failed "something stays after a purge"
! ldconfig -p | grep echshim || failed "the loader's cache still has it"
say "removed and purged, nothing stays"

# ---- docs/examples: the environment of a container image and of a systemd service ----
examples=${wrapper%/*}
[ "$(sed -n 's/^ENV LD_PRELOAD=\([^ ]*\).*/\1/p' "$examples/Dockerfile")" = "$(echo "$library" | sed 's/\$/\\$/')" ] ||
    failed "Dockerfile has another library"
apt-get install -y -qq --no-install-recommends systemd >/dev/null 2>&1
mkdir -p /etc/systemd/system/tried.service.d
cp "$examples/systemd-drop-in.conf" /etc/systemd/system/tried.service.d/ech.conf
printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/tried.service
said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no tried.service 2>&1) || failed "the drop-in: $said"
[ -z "$said" ] || failed "the drop-in: $said"
grep -qx "Environment=LD_PRELOAD=$library" /etc/systemd/system/tried.service.d/ech.conf || failed "the drop-in has another library"
say "the examples for services and containers hold"
