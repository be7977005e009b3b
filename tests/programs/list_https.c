/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that fetch https://secret.example.org/ by themselves. The page is mostly a line of text.
 * If a program wants something else, `says` is its complaint, which also shows that it was served.
 */
#include "programs.h"

#define REQUEST                                                                                    \
    "printf 'GET / HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' \"$HOST\" | "
/* A new file for each run, shown at the end if the program succeeded. */
#define INTO_FILE(command) "rm -f file; " command " >&2 && cat file"

/* clang-format off */
const struct program programs_https[] = {
    {"ab", "apache2-utils", "ab -q -n 1 \"$URL\" | sed -E '/[0-9]+\\.[0-9]|Percentage|^ /d; s/^(Server Temp Key|SSL.TLS Protocol).*//'",
     .says = "Document Length:        30 bytes"},
    {"apt", "apt", INTO_FILE("/usr/lib/apt/apt-helper -o APT::Sandbox::User=root -q=2 download-file \"$URL\" file"),
     .deviations = {{AT(KEY_CURRENT, WAY_RESOLVER), "accepted, refused: plain_dns", "it asks for SRV records by the C library's client (res_nquery)"},
                    {AT(KEY_STALE, WAY_RESOLVER), "accepted after a retry, refused: plain_dns", "the same"},
                    {AT(KEY_NONE, WAY_RESOLVER), "refused: nodata, refused: plain_dns", "the same"}}},
    {"aria2", "aria2", INTO_FILE("aria2c -q --no-conf --async-dns=false -t 5 -m 1 -d . -o file \"$URL\"")},
    {"axel", "axel", INTO_FILE("axel -q -n 1 -o file \"$URL\"")},
    {"bzr (Breezy)", "brz", "brz info \"$URL\"", .says = "Unknown bzrdir format"},
    {"cadaver", "cadaver", "echo quit | cadaver \"$URL\"", .says = "not WebDAV-enabled"},
    {"check_http (Nagios)", "monitoring-plugins-basic",
     "/usr/lib/nagios/plugins/check_http -S --sni -H \"$HOST\" -u / | sed -E 's/ - [0-9]+ bytes in.*//'", .says = "HTTP OK"},
    {"curl", "curl", "curl -sS \"$URL\""},
    {"curl with libcurl's NSS", "libcurl3-nss", "./curl-nss -sS \"$URL\"", .on_nss = true,
     .prepare = "set -e; cp /usr/bin/curl curl-nss; for function in $(nm -D curl-nss | sed -n 's/.* U \\(curl_[a-z_]*\\)@.*/\\1/p'); do "
                "patchelf --clear-symbol-version $function curl-nss; done; patchelf --replace-needed libcurl.so.4 libcurl-nss.so.4 curl-nss; "
                "/usr/bin/python3 \"$SCRIPTS/../../preload/clients/change_elf.py\" curl-nss unversioned"},
    {"davix-get", "davix", "davix-get \"$URL\""},
    {"dirb", "dirb", "echo word >words; dirb \"$URL\" words -S | sed '/_TIME/d'", .says = "DOWNLOADED: 1"},
    {"dirmngr (GnuPG)", "dirmngr", "rm -rf keys; mkdir -m 0700 keys; echo standard-resolver >keys/dirmngr.conf; "
                                   "gpg --homedir keys --batch -q --fetch-keys \"$URL\"", .says = "no valid OpenPGP data"},
    {"elinks", "elinks", "elinks -no-home -dump \"$URL\""},
    /* Emacs 30 waits for ever if a handshake ends before it has looked whether the connection is there. */
    {"emacs", "emacs-nox", "emacs -Q --batch -l \"$SCRIPTS/get.el\"", .far = true},
    {"ffmpeg", "ffmpeg", "ffprobe -v error -show_entries format=duration,format_name \"${URL}tone.wav\"", .says = "format_name=wav",
     .prepare = "/usr/bin/python3 -c 'import wave; w = wave.open(\"www/tone.wav\", \"wb\"); w.setparams((1, 1, 8000, 0, \"NONE\", None)); "
                "w.writeframes(bytes(4000))'"},
    {"fossil", "fossil", "rm -f copy.fossil; USER=somebody fossil clone --once \"$URL\" copy.fossil | sed 's/ sent: .*//'", .says = "server sends error"},
    {"freshclam (ClamAV)", "clamav-freshclam",
     "rm -rf signatures; mkdir signatures; freshclam --config-file=freshclam.conf --datadir=\"$PWD/signatures\" --no-dns -u root "
     "--stdout | sed '/^ClamAV update process started/d'", .says = "Malformed CVD header",
     .prepare = "printf 'PrivateMirror https://secret.example.org\\nMaxAttempts 1\\n' >freshclam.conf"},
    {"gdalinfo", "gdal-bin", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS=.asc gdalinfo /vsicurl/\"${URL}grid.asc\"", .says = "AAIGrid",
     .prepare = "printf 'ncols 2\\nnrows 2\\nxllcorner 0\\nyllcorner 0\\ncellsize 1\\n1 2\\n3 4\\n' >www/grid.asc"},
    {"git", "git", "rm -rf copy; git clone -q \"${URL}repo.git\" copy && cat copy/file", .says = "what is in the repository",
     .prepare = "set -e; git init -q work; cd work; git config user.name n; git config user.email e@x; "
                "echo what is in the repository >file; git add file; git commit -q -m one; cd ..; "
                "git clone -q --bare work www/repo.git; git -C www/repo.git update-server-info"},
    {"git with libcurl's OpenSSL", "git", "rm -rf copy; GIT_EXEC_PATH=\"$PWD/core\" git clone -q \"${URL}repo.git\" copy && cat copy/file",
     .says = "what is in the repository",
     .prepare = "set -e; git init -q work; cd work; git config user.name n; git config user.email e@x; "
                "echo what is in the repository >file; git add file; git commit -q -m one; cd ..; "
                "git clone -q --bare work www/repo.git; git -C www/repo.git update-server-info; "
                "cp -as /usr/lib/git-core core; rm core/git-remote-*; cp /usr/lib/git-core/git-remote-http core/git-remote-https; "
                "for function in $(nm -D core/git-remote-https | sed -n 's/.* U \\(curl_[a-z_]*\\)@.*/\\1/p'); do "
                "patchelf --clear-symbol-version $function core/git-remote-https; done; "
                "patchelf --replace-needed libcurl-gnutls.so.4 libcurl.so.4 core/git-remote-https; "
                "/usr/bin/python3 \"$SCRIPTS/../../preload/clients/change_elf.py\" core/git-remote-https unversioned"},
    {"gnutls-cli", "gnutls-bin", REQUEST "gnutls-cli --logfile=/dev/null --x509cafile \"$CA\" \"$HOST\""},
    {"h2load", "nghttp2-client", "h2load --h1 -n 1 -c 1 \"$URL\" | sed -E '/[0-9](us|ms|s|%)|Temp Key|traffic/d'", .says = "1 succeeded"},
    {"hg (Mercurial)", "mercurial", "hg identify \"$URL\"", .says = "does not appear to be an hg repository"},
    {"http (HTTPie)", "httpie", "http --ignore-stdin --body GET \"$URL\""},
    {"httrack", "httrack", "rm -rf mirror; httrack -q -O mirror -r1 -R0 --robots=0 \"$URL\" >/dev/null; cat mirror/\"$HOST\"/index.*"},
    {"lftp", "lftp", "lftp -c 'set net:max-retries 1; set net:timeout 5; cat '\"$URL\""},
    {"linkchecker", "linkchecker", "linkchecker --no-status -v -o csv \"$URL\" 2>/dev/null | grep '^https' | cut -d ';' -f 1-5", .says = "200 OK"},
    {"links", "links", "links -retries 1 -dump \"$URL\"",
     .deviations = {{AT(KEY_NONE, WAY_STRICT) | AT(KEY_NONE, WAY_RESOLVER), "refused: nodata, refused: no_tls13",
                     "it tries again with less"}}},
    {"links2", "links2", "links2 -retries 1 -dump \"$URL\"",
     .deviations = {{AT(KEY_NONE, WAY_STRICT) | AT(KEY_NONE, WAY_RESOLVER), "refused: nodata, refused: no_tls13",
                     "it tries again with less"}}},
    {"lynx", "lynx", "lynx -dump \"$URL\""},
    {"ncat", "ncat", REQUEST "ncat --ssl-verify --ssl-trustfile \"$CA\" \"$HOST\" 443"},
    {"newsboat", "newsboat",
     "rm -f cache urls; echo \"${URL}feed.xml\" >urls; touch config; newsboat -q -C config -u urls -c cache -x reload; "
     "newsboat -q -C config -u urls -c cache -x print-unread", .says = "1 unread",
     .prepare = "echo '<rss version=\"2.0\"><channel><title>a</title><link>b</link><description>c</description><item><title>d</title>"
                "<link>e</link></item></channel></rss>' >www/feed.xml"},
    {"nextcloudcmd", "nextcloud-desktop-cmd",
     "mkdir -p sync; nextcloudcmd --trust --non-interactive -u a -p b sync \"$URL\" 2>&1 | grep -o 'OCC::[A-Za-z]* created for.*'", .says = "cloud/capabilities",
     .prepare = "echo '{\"installed\":true,\"maintenance\":false,\"version\":\"25.0.0.18\",\"versionstring\":\"25.0.0\","
                "\"productname\":\"Nextcloud\"}' >www/status.php"},
    {"nmap", "nmap", "nmap -n -Pn -p 443 --script ssl-cert \"$HOST\" | grep '^[|]'", .says = "ssl-cert",
     .deviations = {{AT(KEY_NONE, WAY_STRICT) | AT(KEY_NONE, WAY_RESOLVER), "refused: nodata, refused: unhooked_tls",
                     "it writes hellos of its own too"}}},
    {"openconnect", "openconnect", "openconnect --non-inter -u a \"$URL\" </dev/null", .says = "no \"auth\" node"},
    {"openssl s_client", "openssl", REQUEST "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" "
                                    "-verify_hostname \"$HOST\" -servername \"$HOST\" -connect \"$HOST:443\""},
    {"ostree", "ostree", "rm -rf trees; ostree --repo=trees init --mode=bare-user; ostree --repo=trees remote add --no-gpg-verify x \"$URL\"; "
                         "ostree --repo=trees pull x main", .says = "Not normal form"},
    {"qemu-img", "qemu-utils", "qemu-img info \"${URL}disk\"", .says = "does not support"},
    {"rclone (Go)", "rclone", "RCLONE_CONFIG=/dev/null $LAUNCH rclone copyurl -q \"$URL\" --stdout -", .launched = true,
     .deviations = {{AT_WAY(WAY_OPPORTUNISTIC), "plain: launcher", "Go has TLS and system calls of its own"},
                    {AT_WAY(WAY_STRICT) | AT_WAY(WAY_RESOLVER), "refused: launcher", "the launcher holds its connections"}}},
    {"Rscript (R)", "r-base-core", "Rscript --vanilla -e 'cat(readLines(url(Sys.getenv(\"URL\"))))'"},
    {"siege", "siege", "siege -q -c 1 -r 1 --no-parser \"$URL\" 2>&1 | tr -d ' \t' | grep 'ful_\\|failed'", .says = "\"successful_transactions\":1"},
    {"socat", "socat", REQUEST "socat - \"OPENSSL:$HOST:443,cafile=$CA\""},
    {"svn (Subversion)", "subversion", "svn ls --non-interactive \"$URL\"", .says = "does not support the HTTP/DAV"},
    {"tnftp", "tnftp", "tnftp -V -o - \"$URL\""},
    {"tstclnt", "libnss3-tools", "tstclnt -4 -d sql:db -h \"$HOST\" -p 443 -A request", .on_nss = true,
     .prepare = NSS_DATABASE "; " REQUEST "cat >request"},
    {"uacme", "uacme", "rm -rf acme; mkdir acme; uacme -c acme -y -a \"${URL}directory\" new", .says = "newNonce"},
    {"unbound-anchor", "unbound-anchor", "unbound-anchor -v -f /etc/resolv.conf -n \"$HOST\" -u \"$HOST\" -x root.xml -s root.p7s -a anchor; rm -f anchor", .says = "fetched root.xml",
     .deviations = {{AT_WAY(WAY_RESOLVER), "refused: plain_dns", "it asks the DNS by itself (libunbound)"}}},
    {"vfyserv", "libnss3-tools", "vfyserv -d sql:db -p 443 \"$HOST\"", .says = "Connection 1 read", .on_nss = true, .prepare = NSS_DATABASE},
    {"w3m", "w3m", "w3m -no-cookie -dump \"$URL\""},
    {"wget", "wget", "wget -q -O - --tries=1 \"$URL\""},
    {"wget2", "wget2", "wget2 -q -O - --tries=1 --progress=none --no-http2 \"$URL\""},
    {"whatweb", "whatweb", "whatweb --no-errors --color=never \"$URL\"", .says = "200 OK",
     .deviations = {{AT_WAY(WAY_RESOLVER), "refused: plain_dns", "it asks the DNS by itself"}}},
    {"wrk", "wrk", "wrk -t 1 -c 1 -d 1 \"$URL\" | sed -n 's/^ *[1-9][0-9]* requests in.*/some requests/p'", .says = "some requests"},
    {"yt-dlp", "yt-dlp", "yt-dlp --no-cache-dir --simulate \"$URL\"", .says = "Downloading 1 format"},
    {0},
};
/* clang-format on */
