# SPDX-License-Identifier: LGPL-2.1-or-later
package require http
package require tls
tls::init -autoservername true -cafile $env(CA) -require true
http::register https 443 tls::socket
set token [http::geturl $env(URL) -timeout 10000]
puts -nonewline [http::data $token]
exit [expr {[http::ncode $token] != 200}]
