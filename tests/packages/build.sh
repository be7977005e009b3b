#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In a throw-away root of kind "packaging": builds the packages from /share/tree.tar, checks them with lintian, and runs their
# own tests (debian/tests) in this root, with the packages installed. Packages and logs go to /share.
set -eu
mkdir -p /build/echshim
cd /build/echshim
tar -xf /share/tree.tar
echo "packages: dpkg-buildpackage"
dpkg-buildpackage -us -uc -b -j"${JOBS:-2}" >/share/build.log 2>&1 || {
    tail -n 60 /share/build.log
    exit 1
}
cp ../*.deb ../*.buildinfo ../*.changes /share/
# Compiler warnings count too: the packages are built without -Werror.
if grep -E '^[^ ]+:[0-9]+:([0-9]+:)? (warning|error):' /share/build.log; then
    echo "packages: the build has warnings" >&2
    exit 1
fi
echo "packages: lintian"
status=0
lintian --allow-root --fail-on error,warning --tag-display-limit 0 /share/*.changes >/share/lintian.log 2>&1 || status=$?
cat /share/lintian.log
# lintian does not fail for what it skipped; this does.
! grep -q '^Skipping\|^No packages' /share/lintian.log || status=1
[ "$status" -eq 0 ] || exit 1
echo "packages: autopkgtest"
# The tests' dependencies go into this very root; no service starts here.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
status=0
autopkgtest --apt-upgrade --output-dir /tmp/autopkgtest /share/*.deb . -- null >/share/autopkgtest.log 2>&1 || status=$?
cat /tmp/autopkgtest/summary
# Fails also for 2 (some tests were skipped) and for 8 (there were none).
if [ "$status" -ne 0 ]; then
    tail -n 60 /share/autopkgtest.log
    exit 1
fi
