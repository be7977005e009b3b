;; SPDX-License-Identifier: LGPL-2.1-or-later
(use-modules (web client))
(call-with-values (lambda () (http-get (getenv "URL") #:verify-certificate? #f))
  (lambda (response body) (display body)))
