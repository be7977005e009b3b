/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers that are TLS clients of the server behind them. Each serves at 127.0.0.1:8080, in the
 * foreground, and gets one request (scripts/proxy.sh). */
#include "programs.h"

#define ASK(command) "\"$SCRIPTS/proxy.sh\" / " command
/* The same for a server that speaks TLS on both sides. */
#define ASK_BY_TLS(command) "TLS=1 " ASK(command)

/* clang-format off */
/* nginx before 1.19.5 has no option for that. */
#define NGINX_ERRORS "$(nginx -h 2>&1 | grep -q '^  -e ' && printf %s '-e stderr')"

const struct program programs_proxies[] = {
    {"apache2 (mod_proxy)", "apache2-bin", ASK("/usr/sbin/apache2 -X -f \"$PWD/apache2.conf\""),
     .prepare = "for module in mpm_event authz_core proxy proxy_http ssl; do echo \"LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so\"; done >apache2.conf; "
                "printf 'ServerRoot %s\\nServerName localhost\\nUser nobody\\nGroup nogroup\\nPidFile %s/apache2.pid\\nListen 127.0.0.1:8080\\n"
                "ErrorLog /dev/stderr\\nDefaultRuntimeDir %s\\nMutex pthread\\nSSLProxyEngine on\\nSSLProxyVerify require\\nSSLProxyCACertificateFile %s\\n"
                "ProxyPreserveHost on\\nProxyPass / https://secret.example.org/\\n' \"$PWD\" \"$PWD\" \"$PWD\" \"$CA\" >>apache2.conf"},
    {"haproxy", "haproxy", ASK("haproxy -db -f haproxy.conf"),
     .prepare = "printf 'defaults\\n mode http\\n timeout connect 5s\\n timeout client 10s\\n timeout server 10s\\n retries 0\\nlisten x\\n"
                " bind 127.0.0.1:8080\\n server s secret.example.org:443 ssl verify required ca-file %s sni str(secret.example.org)\\n' \"$CA\" >haproxy.conf"},
    {"nginx", "nginx-light", ASK("nginx -p \"$PWD/\" -c nginx.conf " NGINX_ERRORS),
     .prepare = "printf 'daemon off;\\nmaster_process off;\\npid nginx.pid;\\nevents { }\\nhttp {\\naccess_log off;\\n' >nginx.conf; "
                "for what in client_body proxy fastcgi uwsgi scgi; do echo \"${what}_temp_path $what;\"; done >>nginx.conf; "
                "printf 'server {\\nlisten 127.0.0.1:8080;\\nlocation / {\\nproxy_pass https://secret.example.org;\\nproxy_ssl_server_name on;\\n"
                "proxy_ssl_verify on;\\nproxy_ssl_protocols TLSv1.2 TLSv1.3;\\nproxy_ssl_trusted_certificate %s;\\n} } }\\n' \"$CA\" >>nginx.conf"},
    {"apache2, TLS on both sides", "apache2-bin", ASK_BY_TLS("/usr/sbin/apache2 -X -f \"$PWD/apache2.conf\""),
     .prepare = "for module in mpm_event authz_core proxy proxy_http ssl; do echo \"LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so\"; done >apache2.conf; "
                "printf 'ServerRoot %s\nServerName localhost\nUser nobody\nGroup nogroup\nPidFile %s/apache2.pid\nListen 127.0.0.1:8080\n"
                "ErrorLog /dev/stderr\nDefaultRuntimeDir %s\nMutex pthread\nSSLEngine on\nSSLCertificateFile %s/inner.pem\nSSLCertificateKeyFile %s/inner.key\n"
                "SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile %s\n"
                "ProxyPreserveHost on\nProxyPass / https://secret.example.org/\n' \"$PWD\" \"$PWD\" \"$PWD\" \"$PKI\" \"$PKI\" \"$CA\" >>apache2.conf"},
    {"haproxy, TLS on both sides", "haproxy", ASK_BY_TLS("haproxy -db -f haproxy.conf"),
     .prepare = "cat \"$PKI/inner.pem\" \"$PKI/inner.key\" >both.pem; "
                "printf 'defaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server 10s\n retries 0\nlisten x\n"
                " bind 127.0.0.1:8080 ssl crt both.pem\n server s secret.example.org:443 ssl verify required ca-file %s sni str(secret.example.org)\n' \"$CA\" >haproxy.conf"},
    {"nginx, TLS on both sides", "nginx-light", ASK_BY_TLS("nginx -p \"$PWD/\" -c nginx.conf " NGINX_ERRORS),
     .prepare = "printf 'daemon off;\nmaster_process off;\npid nginx.pid;\nevents { }\nhttp {\naccess_log off;\n' >nginx.conf; "
                "for what in client_body proxy fastcgi uwsgi scgi; do echo \"${what}_temp_path $what;\"; done >>nginx.conf; "
                "printf 'server {\nlisten 127.0.0.1:8080 ssl;\nssl_certificate %s/inner.pem;\nssl_certificate_key %s/inner.key;\n"
                "location / {\nproxy_pass https://secret.example.org;\nproxy_ssl_server_name on;\n"
                "proxy_ssl_verify on;\nproxy_ssl_protocols TLSv1.2 TLSv1.3;\nproxy_ssl_trusted_certificate %s;\n} } }\n' \"$PKI\" \"$PKI\" \"$CA\" >>nginx.conf"},
    {"squid", "squid-openssl", "\"$SCRIPTS/proxy.sh\" \"$URL\" squid -N -f \"$PWD/squid.conf\"",
     .prepare = "printf 'http_port 127.0.0.1:8080\\nhttp_access allow all\\ncache deny all\\npid_filename none\\ncache_log /dev/null\\n"
                "access_log none\\nshutdown_lifetime 0 seconds\\ncoredump_dir %s\\ntls_outgoing_options cafile=%s\\npinger_enable off\\n"
                "netdb_filename none\\nforward_max_tries 1\\n' \"$PWD\" \"$CA\" >squid.conf",
     .deviations = {{AT_WAY(WAY_RESOLVER), "refused: plain_dns", "it asks the DNS by itself"}}},
    {"stunnel", "stunnel4", ASK("stunnel4 stunnel.conf"),
     .prepare = "printf 'foreground = yes\\npid =\\nclient = yes\\n[x]\\naccept = 127.0.0.1:8080\\nconnect = secret.example.org:443\\n"
                "sni = secret.example.org\\nCAfile = %s\\nverifyChain = yes\\ncheckHost = secret.example.org\\n' \"$CA\" >stunnel.conf"},
    {0},
};
/* clang-format on */
