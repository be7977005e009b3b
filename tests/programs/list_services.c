/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients of protocols other than HTTP, on their own ports, with TLS from the first octet. */
#include "programs.h"

#define MAIL "printf 'Subject: x\\n\\nhello\\n' | "
/* What POP3 and IMAP servers say: the message of services.py. */
#define SAYS_MAIL "hello from the mailbox"

/* clang-format off */
const struct program programs_services[] = {
    {"curl IMAPS", "curl", "curl -sS -u a:b \"imaps://$HOST/INBOX;UID=1\"", .says = SAYS_MAIL, .service = "imap", .port = 993},
    {"curl SMTPS", "curl", MAIL "curl -sS -v --mail-from a@example.org --mail-rcpt b@example.org -T - \"smtps://$HOST\" 2>&1 | "
                           "grep 'hello from'", .says = "hello from the mail server", .service = "smtp", .port = 465},
    {"fetchmail", "fetchmail", "rm -f .fetchids; fetchmail --pidfile fetchmail.pid -k -a -s -f fetchmailrc -m 'grep Subject'", .says = SAYS_MAIL, .service = "pop3", .port = 995,
     .prepare = "printf 'poll secret.example.org protocol POP3 user a password b ssl sslcertck sslcertfile %s\\n' \"$CA\" >fetchmailrc; chmod 600 fetchmailrc"},
    {"finch IRC", "finch",
     "rm -rf chat shown; mkdir chat; cp accounts.xml chat; TERM=xterm script -qfec 'stty cols 250; finch -d -c chat' shown </dev/null >/dev/null 2>&1 & "
     "for i in $(seq 100); do grep -aqs 'hello from the chat' shown && break; sleep 0.1; done; kill $!; wait; grep -ao 'hello from the chat server' shown | sort -u",
     .says = "hello from the chat server", .service = "irc", .port = 6697, .on_nss = true,
     .prepare = "printf '<account version=\"1.0\"><account><protocol>prpl-irc</protocol><name>somebody@%s</name><settings><setting name=\"port\" type=\"int\">%s"
                "</setting><setting name=\"ssl\" type=\"bool\">1</setting></settings><settings ui=\"gnt-purple\"><setting name=\"auto-login\" type=\"bool\">1"
                "</setting></settings></account></account>' \"$HOST\" \"$PORT\" >accounts.xml"},
    {"getmail", "getmail6", "rm -f mail getmail/old*; getmail -q --getmaildir \"$PWD/getmail\" && grep Subject mail",
     .says = SAYS_MAIL, .service = "pop3", .port = 995,
     .prepare = "mkdir getmail; printf '[retriever]\\ntype=SimplePOP3SSLRetriever\\nserver=secret.example.org\\nusername=a\\npassword=b\\n"
                "ca_certs=%s\\n[destination]\\ntype=MDA_external\\npath=/usr/bin/tee\\narguments=(\"%s/mail\",)\\nallow_root_commands=true\\n"
                "ignore_stderr=true\\n' \"$CA\" \"$PWD\" >getmail/getmailrc"},
    {"kdig +tls", "knot-dnsutils", "kdig +tls-hostname=\"$HOST\" +tls-ca=\"$CA\" +short +retry=0 @\"$HOST\" a.example.com A", .says = "192.0.2.123",
     .service = "dns", .port = 853},
    {"ldapsearch", "ldap-utils", "LDAPTLS_CACERT=\"$CA\" ldapsearch -LLL -x -H \"ldaps://$HOST\" -b cn=hello -s base",
     .says = "hello from the directory", .service = "ldap", .port = 636},
    {"mbsync (isync)", "isync", "rm -rf box; mkdir box; mbsync -q -c mbsyncrc x && grep -h Subject box/INBOX/*/*", .says = SAYS_MAIL, .service = "imap", .port = 993,
     .prepare = "printf 'IMAPStore far\\nHost secret.example.org\\nUser a\\nPass b\\nSSLType IMAPS\\nCertificateFile %s\\n\\n"
                "MaildirStore near\\nPath %s/box/\\nInbox %s/box/INBOX\\n\\nChannel x\\nFar :far:\\nNear :near:\\nSync Pull\\nCreate Near\\n"
                "SyncState *\\n' \"$CA\" \"$PWD\" \"$PWD\" >mbsyncrc"},
    {"mosquitto_sub", "mosquitto-clients", "mosquitto_sub -h \"$HOST\" -p 8883 --cafile \"$CA\" -t t -C 1 -W 10", .says = "hello from the broker",
     .service = "mqtt", .port = 8883},
    {"mpop", "mpop", "rm -rf .mpop_uidls; mpop -Q --host=\"$HOST\" --tls=on --tls-starttls=off --tls-trust-file=\"$CA\" --user=a --passwordeval='echo b' "
                     "--auth=user --keep=on --deliver=mbox,mail -- ; grep Subject mail; status=$?; rm -f mail; exit $status", .says = SAYS_MAIL,
     .service = "pop3", .port = 995},
    {"msmtp", "msmtp", MAIL "msmtp --debug --host=\"$HOST\" --port=465 --tls=on --tls-starttls=off --tls-trust-file=\"$CA\" --from=a@example.org "
                       "b@example.org | grep -- '^<-- .*hello'", .says = "hello from the mail server", .service = "smtp", .port = 465},
    {"msmtp STARTTLS", "msmtp", MAIL "msmtp --debug --host=\"$HOST\" --port=587 --tls=on --tls-starttls=on --tls-trust-file=\"$CA\" --from=a@example.org "
                                "b@example.org | grep -- '^<-- .*hello'", .says = "hello from the mail server", .service = "submission", .starttls = true, .port = 587,
     .deviations = {{AT_KEY(KEY_CURRENT) | AT_KEY(KEY_STALE) | AT_KEY(KEY_NONE), "", "its port is not watched"}}},
    {"posttls-finger (Postfix)", "postfix", "posttls-finger -c -w -l secure -F \"$CA\" -s \"$HOST\" \"[$HOST]:465\"", .says = "Verified TLS connection",
     .service = "smtp", .port = 465,
     .deviations = {{AT_WAY(WAY_RESOLVER), "refused: plain_dns", "it asks the DNS by the C library's client (res_search)"}}},
    {"python3 imaplib", "python3", "/usr/bin/python3 \"$SCRIPTS/get_imaplib.py\"", .says = SAYS_MAIL, .service = "imap", .port = 993},
    {"redis-cli", "redis-tools", "redis-cli --tls --cacert \"$CA\" --sni \"$HOST\" -h \"$HOST\" -p 6380 PING", .says = "hello from the store",
     .service = "redis", .port = 6380},
    {"s-nail", "s-nail", MAIL "s-nail -n -S v15-compat -S tls-ca-file=\"$CA\" -S tls-verify=strict -S smtp-auth=none -S mta=\"smtps://$HOST\" -S sendwait "
                         "-vv -r a@example.org b@example.org 2>&1 | grep -ao 'hello from.*'", .says = "hello from the mail server", .service = "smtp", .port = 465},
    {"swaks", "swaks", "swaks --tlsc --server \"$HOST\" -p 465 --from a@example.org --to b@example.org --ehlo x --h-Subject x --tls-verify --tls-ca-path \"$CA\" "
                       "--tls-sni \"$HOST\" --body hello | grep -v 'Date:\\|Message-Id:\\|TLS started'", .says = "hello from the mail server", .service = "smtp", .port = 465},
    /* These two get the port 443: the shim looks for the record of that port if octets go before TLS. */
    {"corosync-qdevice", "corosync-qdevice", "\"$SCRIPTS/qdevice.sh\" sql:db", .says = "Received server error", .service = "qnetd", .before_tls = "qnetd", .on_nss = true,
     .prepare = NSS_DATABASE,
     .deviations = {{AT(KEY_CURRENT, WAY_OPPORTUNISTIC) | AT(KEY_STALE, WAY_OPPORTUNISTIC) | AT(KEY_NONE, WAY_OPPORTUNISTIC), "grease: tunnel",
                     "STARTTLS goes before TLS, and then only an encrypted resolver is asked"},
                    {AT(KEY_CURRENT, WAY_STRICT) | AT(KEY_STALE, WAY_STRICT) | AT(KEY_NONE, WAY_STRICT), "refused: tunnel", "the same"},
                    {AT(KEY_STALE, WAY_RESOLVER), "accepted, rejected: connection_used", "the connection cannot be repeated; its next one has the new key"}}},
    {"upsc (NUT)", "nut-client", "upsc ups@$HOST:443", .says = "hello from the ups", .service = "ups", .before_tls = "ups", .on_nss = true,
     .deviations = {{AT(KEY_CURRENT, WAY_OPPORTUNISTIC) | AT(KEY_STALE, WAY_OPPORTUNISTIC) | AT(KEY_NONE, WAY_OPPORTUNISTIC), "grease: tunnel",
                     "STARTTLS goes before TLS, and then only an encrypted resolver is asked"},
                    {AT(KEY_CURRENT, WAY_STRICT) | AT(KEY_STALE, WAY_STRICT) | AT(KEY_NONE, WAY_STRICT), "refused: tunnel", "the same"},
                    {AT(KEY_STALE, WAY_RESOLVER), "rejected: connection_used", "the connection cannot be repeated"}}},
    {"weechat", "weechat-headless", "rm -rf chat; timeout 20 weechat-headless -d chat -r '/set irc.look.server_buffer independent' "
                                    "-r \"/server add x $HOST/6697 -ssl -autoconnect=off\" -r '/connect x' -r '/wait 3 /quit' >/dev/null; "
                                    "grep -rho 'hello from.*' chat/logs | sort -u", .says = "hello from the chat server", .service = "irc", .port = 6697},
    {0},
};
/* clang-format on */
