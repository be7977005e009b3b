;; SPDX-License-Identifier: LGPL-2.1-or-later
;; TLS of Emacs itself, by GnuTLS.
(setq gnutls-verify-error t
      gnutls-trustfiles (list (getenv "CA")))
(require 'url)
(let ((buffer (url-retrieve-synchronously (getenv "URL") t t 10)))
  (unless buffer (kill-emacs 1))
  (with-current-buffer buffer
    (goto-char (point-min))
    (unless (search-forward "\n\n" nil t) (kill-emacs 1))
    (princ (buffer-substring (point) (point-max)))))
