# SPDX-License-Identifier: LGPL-2.1-or-later
# make check-go: a Go program of our own (handshakes.go), static, PIE and with cgo, under echshim: many goroutines with the collector,
# one http.Transport for two names, HTTP/2, a shared tls.Config, and the added time. Prints figures. By hand, because a Go toolchain is
# large. Go 1.23 or later; 1.24 for the test of HTTP/2.

GO ?= go
GO_PROGRAMS := build/go
GO_HANDSHAKES ?= 10000

.PHONY: check-go go-programs
go-programs:
	@$(GO) version || { echo 'check-go: this needs Go 1.23 or later; GO=FILE names one' >&2; exit 1; }
	@mkdir -p $(GO_PROGRAMS)
	sed 's/^package main/\/\/go:debug fips140=only\n&/' tests/tools/go/handshakes.go >$(GO_PROGRAMS)/fips.go
	@rm -f $(GO_PROGRAMS)/*fips
	if grep -q '"fips140"' "$$($(GO) env GOROOT)/src/internal/godebugs/table.go"; then \
	    GO111MODULE=off CGO_ENABLED=0 $(GO) build -ldflags='-s -w' -o $(GO_PROGRAMS)/fips $(GO_PROGRAMS)/fips.go && \
	    for kind in static pie cgo; do ln -s fips $(GO_PROGRAMS)/$$kind-fips || exit 1; done; \
	fi
	GO111MODULE=off CGO_ENABLED=0 $(GO) build -ldflags='-s -w' -o $(GO_PROGRAMS)/static tests/tools/go/handshakes.go
	GO111MODULE=off CGO_ENABLED=0 $(GO) build -ldflags='-s -w' -buildmode=pie -o $(GO_PROGRAMS)/pie tests/tools/go/handshakes.go
	GO111MODULE=off CGO_ENABLED=1 $(GO) build -ldflags='-s -w' -o $(GO_PROGRAMS)/cgo tests/tools/go/handshakes.go

check-go: go-programs
	@for kind in static pie cgo; do \
	    ECHSHIM_TEST_GO_OWN=$(abspath $(GO_PROGRAMS))/$$kind ECHSHIM_TEST_GO_HANDSHAKES=$(GO_HANDSHAKES) \
	        $(MAKE) --no-print-directory check-launcher LAUNCHER_FILTER='go_program/*' PRELOAD_JOBS=1 || exit 1; \
	done
