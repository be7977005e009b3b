% SPDX-License-Identifier: LGPL-2.1-or-later
:- use_module(library(http/http_open)).
:- use_module(library(readutil)).
main :-
    getenv('URL', Url),
    getenv('CA', Authority),
    catch(( http_open(Url, In, [cacerts([file(Authority)])]),
            read_stream_to_codes(In, Page),
            format("~s", [Page]),
            halt(0)
          ), Error, ( print_message(error, Error), halt(1) )).
