# SPDX-License-Identifier: LGPL-2.1-or-later
use strict;
use warnings;
use AnyEvent::HTTP;
my $done = AnyEvent->condvar;
http_get $ENV{URL}, tls_ctx => 'high', timeout => 10, sub { $done->send(@_) };
my ($page, $headers) = $done->recv;
print $page if defined $page;
exit $headers->{Status} != 200;
