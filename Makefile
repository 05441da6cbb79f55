# Keyfold: everything a person or a machine does with this tree. Plain `make` explains the targets.
#
# What is built lands in build/, whose layout is that of an installation (bin, include, lib, share); cargo's own
# files stay in target/. The work itself is in scripts/ and tests/; this file says what depends on what.

VERSION   := $(shell sed -n 's/^version = "\(.*\)"/\1/p;/^\[lib\]/q' Cargo.toml)
SOVERSION := 1
PREFIX    ?= /usr/local
LIBDIR    ?= lib
DESTDIR   ?=
BUILD     := build
CARGO     ?= cargo
PYTHON    ?= python3
GO        ?= go

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
OS_ARCH    := $(shell scripts/platform)
SHARED     := $(BUILD)/lib/libkeyfold.so.$(VERSION)
STATIC     := $(BUILD)/lib/libkeyfold.a
COMMAND    := $(BUILD)/bin/keyfold
GO_STATIC  := bindings/go/lib/$(OS_ARCH)/libkeyfold.a
PACKAGE    := $(BUILD)/lib/pkgconfig/keyfold.pc
HEADERS    := $(BUILD)/include/keyfold.h $(BUILD)/include/keyfold.hpp $(BUILD)/include/keyfold_streams.hpp
TOOLS      := $(BUILD)/.tools
WHEEL      := $(BUILD)/dist/.wheel
VENV       := $(BUILD)/venv/.ready
INSTALLED  := $(BUILD)/venv/.installed
MANUAL     := $(BUILD)/share/.ready

# How the programs of tests, demo and benches are compiled against what we ship.
SHARED_FLAGS := -Iinclude -L$(BUILD)/lib -lkeyfold -Wl,-rpath,'$$ORIGIN/../lib' -lpthread
STRICT := -O1 -g -Wall -Wextra -Werror

GO_SOURCES := $(shell find bindings/go -name '*.go')

# Everything that can change what the compiler makes.
SOURCES := Cargo.toml Cargo.lock $(shell find src -type f)
RELEASE := --release --locked
# For aws-lc: without it the function that makes RSA keys keeps a branch nobody takes, whose FIPS checks link every curve and
# signature scheme that aws-lc knows (1.4 MB).
SHIPPED  = RUSTFLAGS="$$(scripts/rust-flags)" AWS_LC_SYS_CFLAGS="$(strip $(CFLAGS) --param=ipa-cp-eval-threshold=1)"

# Not CC and CXX: aws-lc would be compiled anew whenever cargo is run by hand and then by make. Given to make, they arrive.
export CARGO PYTHON GO VERSION SOVERSION BUILD OS_ARCH
# Anchors of the suites' stores stay here.
export XDG_STATE_HOME := $(CURDIR)/target/state

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help set-up build install dist demo test bench bench-peers fuzz clean header generate fixtures sizes \
        test-rust test-long test-c test-package test-embedding test-python test-go test-cli test-audit test-interop test-documents

help:
	@echo 'Keyfold $(VERSION): envelope encryption with named, versioned keys behind one C header.'
	@echo
	@echo '  make build     command, libraries, headers, pkg-config and CMake files, wheel: all in build/'
	@echo '  make demo      card records from C to Python to Go; a key rotated, disabled, and its trail verified'
	@echo '  make test      every suite; make test-rust, -c, -package, -embedding, -python, -go, -cli,'
	@echo '                 -audit, -interop, -documents run one each'
	@echo '  make test-long the Rust suites with as many rounds as a release gets (KEYFOLD_LONG=1; not part of make test)'
	@echo '  make bench     the measurements of docs/BENCHMARKS.md, on this machine; beside peers after make bench-peers'
	@echo '  make fuzz      a bounded search for inputs that crash a parser (SECONDS=60 each)'
	@echo '  make install   PREFIX=/usr/local LIBDIR=lib DESTDIR='
	@echo '  make dist      source and binary tarballs, wheel, sdist and their checksums in build/dist'
	@echo '  make header    writes include/keyfold.h from src/ffi'
	@echo '  make generate  writes the low layers of the Python and Go wrappers from include/keyfold.h'
	@echo '  make clean     removes build/ and target/'
	@echo
	@echo 'Each looks for the tools it needs first and says how to get what is missing.'

set-up: $(TOOLS)
$(TOOLS): scripts/tools
	@mkdir -p $(@D)
	scripts/tools
	$(CARGO) fetch --locked
	cd tests/audit && $(GO) mod download
	@touch $@

# --- what is shipped -------------------------------------------------------------------------------------------

build: $(COMMAND) $(SHARED) $(STATIC) $(GO_STATIC) $(HEADERS) $(PACKAGE) $(MANUAL) $(WHEEL) sizes

# Each artefact is linked alone: with several crate types in one build cargo silently skips link-time optimisation.
$(STATIC): $(SOURCES) include/keyfold.h bindings/exports.txt scripts/static-library | $(TOOLS)
	$(SHIPPED) $(CARGO) rustc $(RELEASE) --lib --crate-type staticlib
	@mkdir -p $(@D)
	scripts/static-library $(TARGET_DIR)/release/libkeyfold.a $@

# The same object: one link-time optimisation serves both libraries, and both hold the same code.
$(SHARED): $(STATIC) scripts/shared-library bindings/exports.txt
	scripts/shared-library $< $@ libkeyfold.so.$(SOVERSION)
	ln -sf libkeyfold.so.$(VERSION) $(@D)/libkeyfold.so.$(SOVERSION)
	ln -sf libkeyfold.so.$(SOVERSION) $(@D)/libkeyfold.so

$(COMMAND): $(SOURCES) | $(TOOLS)
	$(SHIPPED) $(CARGO) build $(RELEASE) --bin keyfold --features cli
	@mkdir -p $(@D)
	objcopy --strip-all $(TARGET_DIR)/release/keyfold $@

$(GO_STATIC): $(STATIC)
	@mkdir -p $(@D)
	cp $< $@

$(BUILD)/include/%: include/%
	@mkdir -p $(@D)
	cp $< $@

$(PACKAGE): scripts/package-files Cargo.toml
	scripts/package-files lib $(BUILD)

$(MANUAL): $(COMMAND) scripts/manual
	scripts/manual $(COMMAND) $(BUILD)/share
	@touch $@

$(WHEEL): $(SHARED) $(VENV) LICENSE-APACHE LICENSE-MIT scripts/third-party $(shell find bindings/python -name '*.py' -o -name '*.toml' -o -name py.typed 2>/dev/null)
	@mkdir -p $(@D)
	rm -f $(@D)/keyfold-*.whl
	cp LICENSE-APACHE LICENSE-MIT bindings/python
	scripts/third-party > bindings/python/THIRD-PARTY.txt
	$(BUILD)/venv/bin/python -m build --wheel --no-isolation --outdir $(@D) bindings/python
	@touch $@

$(VENV): tests/python-requirements.txt | $(TOOLS)
	$(PYTHON) -m venv $(BUILD)/venv
	$(BUILD)/venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The wheel as a user installs it, in the environment that the tests and the demo use.
$(INSTALLED): $(WHEEL)
	$(BUILD)/venv/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILD)/dist/keyfold-*.whl
	@touch $@

sizes: $(SHARED) $(STATIC) $(COMMAND)
	@scripts/sizes $^

# --- installation ----------------------------------------------------------------------------------------------

ROOT := $(DESTDIR)$(PREFIX)

install: $(COMMAND) $(SHARED) $(STATIC) $(HEADERS) $(MANUAL)
	install -d $(ROOT)/bin $(ROOT)/include $(ROOT)/$(LIBDIR) $(ROOT)/share
	install -m 755 $(COMMAND) $(ROOT)/bin/keyfold
	install -m 644 $(HEADERS) $(ROOT)/include
	install -m 755 $(SHARED) $(ROOT)/$(LIBDIR)
	ln -sf libkeyfold.so.$(VERSION) $(ROOT)/$(LIBDIR)/libkeyfold.so.$(SOVERSION)
	ln -sf libkeyfold.so.$(SOVERSION) $(ROOT)/$(LIBDIR)/libkeyfold.so
	install -m 644 $(STATIC) $(ROOT)/$(LIBDIR)
	cp -R $(BUILD)/share/. $(ROOT)/share
	rm -f $(ROOT)/share/.ready
	scripts/package-files $(LIBDIR) $(ROOT)

# --- the demonstration ------------------------------------------------------------------------------------------

DEMO := $(BUILD)/demo

demo: build $(INSTALLED) $(DEMO)/cards-c $(DEMO)/cards-cpp $(DEMO)/cards-go
	@scripts/demo

$(DEMO)/cards-c: examples-c/cards.c include/keyfold.h $(SHARED)
	@mkdir -p $(@D)
	$(CC) -std=c99 $(STRICT) $< -o $@ $(SHARED_FLAGS)

$(DEMO)/cards-cpp: examples-c/cards.cpp include/keyfold.h include/keyfold.hpp $(SHARED)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(STRICT) $< -o $@ $(SHARED_FLAGS)

$(DEMO)/cards-go: $(GO_STATIC) $(GO_SOURCES)
	@mkdir -p $(@D)
	cd bindings/go && rm -f ../../$@ && $(GO) build -o ../../$@ ./examples/cards

# --- sources that are generated, and committed -----------------------------------------------------------------

header:
	KEYFOLD_BLESS=1 $(CARGO) test --locked --quiet header

generate: header
	$(PYTHON) bindings/generate

# --- tests -----------------------------------------------------------------------------------------------------

TESTS  := $(BUILD)/tests
PYTEST := $(BUILD)/venv/bin/python -m pytest


test: test-rust test-c test-package test-embedding test-python test-go test-cli test-audit test-interop test-documents
	@echo 'every suite passed'

# One run with everything on, one with everything off: features only add.
test-rust: | $(TOOLS)
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --quiet --all-targets --features cli,failpoints,floor -- -D warnings
	$(CARGO) clippy --locked --quiet --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --quiet --no-deps --features cli
	$(CARGO) test --locked --features cli,failpoints
	$(CARGO) test --locked --no-default-features
	$(CARGO) run --locked --quiet --features cli,failpoints --example fuzz 5
	@echo 'without features nothing is built by a C compiler'
	tree=$$($(CARGO) tree --locked --no-default-features --edges normal,build --prefix none) && \
	  ! printf '%s\n' "$$tree" | grep -E '^(cc|cmake|bindgen|[^ ]*-sys) '

# The same suites with the rounds that take too long for every day.
test-long: | $(TOOLS)
	KEYFOLD_LONG=1 $(CARGO) test --locked --features cli,failpoints

test-c: build
	tests/c/run
	tests/cpp/run

test-package: build $(INSTALLED)
	tests/package/run

test-embedding: build
	tests/embedding/run

test-python: build $(INSTALLED)
	$(PYTHON) bindings/generate --check
	cd bindings/generate && ../../$(PYTEST) -q
	cd bindings/python && ../../$(BUILD)/venv/bin/python -m mypy
	cd bindings/python && ../../$(PYTEST)

# Each time anew: Go does not see that the library that it links has changed.
test-go: build
	@echo 'Go: with every pointer that C is given checked; with the race detector; with the shared library'
	cd bindings/go && unformatted=$$(gofmt -l .) && test -z "$$unformatted" && $(GO) vet ./...
	cd bindings/go && GOEXPERIMENT=cgocheck2 $(GO) test -count=1 ./... && $(GO) test -count=1 -race ./...
	cd bindings/go && PKG_CONFIG_PATH=$(CURDIR)/$(BUILD)/lib/pkgconfig LD_LIBRARY_PATH=$(CURDIR)/$(BUILD)/lib \
	  $(GO) test -count=1 -short -tags keyfold_dynamic ./keyfold

test-cli: build
	KEYFOLD_COMMAND=$(CURDIR)/$(COMMAND) tests/cli/run

# The exported trail, verified with a public tool.
test-audit: build
	KEYFOLD_COMMAND=$(CURDIR)/$(COMMAND) tests/audit/run

test-interop: build $(INSTALLED) $(TESTS)/interop-c $(TESTS)/interop-cpp $(TESTS)/interop-rust $(TESTS)/interop-go
	tests/interop/run.py

test-documents: build $(INSTALLED) $(DEMO)/cards-c $(DEMO)/cards-cpp $(DEMO)/cards-go
	tests/documents/run.py
	@scripts/demo > $(DEMO)/told && echo 'demo: passed' || { cat $(DEMO)/told; exit 1; }

$(TESTS)/interop-c: tests/interop/interop.c include/keyfold.h $(SHARED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(STRICT) $< -o $@ $(SHARED_FLAGS)

$(TESTS)/interop-cpp: tests/interop/interop.cpp include/keyfold.h include/keyfold.hpp include/keyfold_streams.hpp $(SHARED)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(STRICT) $< -o $@ $(SHARED_FLAGS)

$(TESTS)/interop-rust: tests/interop/interop.rs $(SOURCES)
	@mkdir -p $(@D)
	$(CARGO) build --locked --features cli,failpoints --example interop
	cp $(TARGET_DIR)/debug/examples/interop $@

$(TESTS)/interop-go: $(GO_STATIC) $(GO_SOURCES)
	@mkdir -p $(@D)
	cd bindings/go && rm -f ../../$@ && $(GO) build -o ../../$@ ./internal/interop

fixtures: build $(TESTS)/interop-rust
	tests/interop/make_fixtures.py tests/fixtures/$(VERSION)

SECONDS ?= 60

# At random, and then guided by coverage.
fuzz: | $(TOOLS)
	$(CARGO) run --locked --quiet --features cli,failpoints --example fuzz $(SECONDS)
	CARGO='$(CARGO)' scripts/fuzz $(SECONDS)

# --- measurements ----------------------------------------------------------------------------------------------

BENCH := $(BUILD)/bench
RECORD ?=

bench: build $(INSTALLED) $(BENCH)/call-c $(BENCH)/call-cpp $(BENCH)/call-go $(BENCH)/instructions $(BENCH)/once
	for bench in abi store stream; do \
	  $(SHIPPED) $(CARGO) bench --locked --quiet --bench $$bench --features floor > $(BENCH)/$$bench.json || exit 1; \
	done
	for language in c cpp go; do $(BENCH)/call-$$language || exit 1; done > $(BENCH)/calls.jsonl
	$(BUILD)/venv/bin/python benches/call.py >> $(BENCH)/calls.jsonl
	benches/instructions.py $(BENCH)/instructions $(if $(RECORD),--record) > $(BENCH)/instructions.json
	benches/files.py $(BENCH)/once $(COMMAND) $(if $(wildcard $(PEERS)/.ready),--peers $(PEERS)) > $(BENCH)/files.json
	benches/report.py $(BENCH)/abi.json $(BENCH)/calls.jsonl $(SHARED) $(STATIC) \
	  $(foreach more,store stream files instructions,--more $(BENCH)/$(more).json) --json $(BENCH)/report.json \
	  --pictures $(if $(RECORD),docs,$(BENCH)) $(if $(RECORD),--markdown docs/BENCHMARKS.md)

# Peers for `make bench`, in an environment of their own: age and Tink in Go, the AWS Encryption SDK in Python.
PEERS := $(BENCH)/peers

bench-peers: $(PEERS)/.ready
$(PEERS)/.ready: $(wildcard benches/peers/*)
	@mkdir -p $(@D)
	cd benches/peers && $(GO) build -o ../../$(@D)/peers .
	$(PYTHON) -m venv $(@D)/venv
	$(@D)/venv/bin/pip install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
	@touch $@

$(BENCH)/once: benches/once.c
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra $< -o $@

$(BENCH)/instructions: benches/instructions.c include/keyfold.h $(SHARED)
	@mkdir -p $(@D)
	$(CC) -std=c99 -O2 -Wall -Wextra $< -o $@ $(SHARED_FLAGS)

$(BENCH)/call-c: benches/call.c include/keyfold.h $(SHARED)
	@mkdir -p $(@D)
	$(CC) -std=c99 -O2 -Wall -Wextra $< -o $@ $(SHARED_FLAGS)

$(BENCH)/call-cpp: benches/call.cpp include/keyfold.h include/keyfold.hpp $(SHARED)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O2 -Wall -Wextra $< -o $@ $(SHARED_FLAGS)

$(BENCH)/call-go: $(GO_STATIC) $(GO_SOURCES)
	@mkdir -p $(@D)
	cd bindings/go && rm -f ../../$@ && $(GO) build -o ../../$@ ./internal/bench

dist: build
	scripts/dist

clean:
	rm -rf $(BUILD) bindings/go/lib/*/*.a bindings/python/LICENSE-* bindings/python/THIRD-PARTY.txt
	$(CARGO) clean
