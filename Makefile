# make run    builds syncd and shows it on a made-up mailbox
# make test   installs the servers the tests talk to, and runs all tests
# make check  is for every commit: formatting, vet, linters, layers, build

PREFIX ?= /usr/local
DESTDIR ?=
FUZZTIME ?= 30s
BENCH ?= all
SOAK ?= 30m

# SQLite is compiled in (cgo) without the possibility to load extensions. One set
# of flags everywhere, so that it is compiled once.
export CGO_ENABLED := 1
export GOFLAGS := $(GOFLAGS) -tags=sqlite_omit_load_extension

# Packages in which goroutines share something; their tests run under the race
# detector, the others without. Of cmd/syncd it is the tests that run processes.
RACE := auth caldav daemon imap ledger reconcile servertest setup webdav

# Tests of those packages that do one thing after another, and take minutes under the
# race detector.
ALONE := Test(RepliesBySubject|GesturesOnRealServers|CoursesOnRealServers|ForeseeIsWhatADaemonDoes|GesturesOfClients|GesturesWithoutPut)

.PHONY: run test check lint bench fuzz soak fmt build install

run: build
	bin/syncd demo

build:
	@scripts/setup
	go build -o bin/syncd ./cmd/syncd

# The same 200 histories every time, so that a failure is the change's; soak makes
# new ones.
HISTORIES := 41

# Without one of the servers the tests fail instead of passing over it.
test: export SYNCD_REQUIRE := dovecot,radicale,xandikos
test:
	@scripts/setup-tests
	go vet ./...
	go test -timeout 20m $$(go list ./... | grep -vxE '$(RACE_PATTERN)')
	go test -timeout 20m -race -skip '^(TestMachine|TestCutAtEveryMoment|$(ALONE))$$' $$(go list ./... | grep -xE '$(RACE_PATTERN)')
	go test -run '^$(ALONE)$$' ./internal/daemon ./internal/imap
	go test -run '^TestMachine$$/^histories$$/^a$$' ./internal/daemon -rapid.checks=200 -rapid.seed=$(HISTORIES)
	go test -run '^TestCutAtEveryMoment$$' ./internal/reconcile
	go test -race -run 'AsAProcess|IsStopped|Killed' ./cmd/syncd

empty :=
space := $(empty) $(empty)
RACE_PATTERN := syncd/internal/($(subst $(space),|,$(RACE)))(/.*)?

check:
	go build ./...
	go vet ./...
	go test ./internal
	@scripts/check-units
	@$(MAKE) --no-print-directory lint

# The first time this builds the linter, which takes minutes; see scripts/linter.
lint:
	linter=$$(scripts/linter) && $$linter fmt --diff && $$linter run

fmt:
	linter=$$(scripts/linter) && $$linter fmt

# BENCH="scan idle" runs parts: see bench/bench_test.go. The figures of the
# parsers and of single packages are part of all of it.
bench:
	@scripts/setup-tests
	@scripts/packages isync notmuch || true
	go test -c -o bin/bench ./bench
	cd bench && ../bin/bench -test.run '^TestBench$$' -test.timeout 3h -parts '$(BENCH)'
	@case ' $(BENCH) ' in *' all '*|*' parsers '*) \
		go test -run '^$$' -bench . -benchmem ./internal/mail ./internal/ical ./internal/caldav ./internal/planner ./internal/ledger;; esac

fuzz:
	@scripts/setup
	scripts/fuzz $(FUZZTIME)

# Random histories of user, mail, calendar server and daemon for as long as SOAK,
# and how many there were. What fails names its seed and a file; either repeats it:
# go test ./internal/daemon -run TestMachine -rapid.failfile=FILE
soak: export SYNCD_SOAK := $(SOAK)
soak:
	@scripts/setup
	go test -count=1 -timeout 12h -v -run '^TestMachine$$' ./internal/daemon

install: build
	install -D -m 755 bin/syncd $(DESTDIR)$(PREFIX)/bin/syncd
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/systemd/user
	sed 's|/usr/local/bin/syncd|$(PREFIX)/bin/syncd|' systemd/syncd@.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/syncd@.service
	sed 's|/usr/local/bin/syncd|$(PREFIX)/bin/syncd|' systemd/syncd.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/user/syncd.service
	install -D -m 644 config.example.toml $(DESTDIR)$(PREFIX)/share/doc/syncd/config.example.toml
