# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#   make            build/reqscope               make V=1 shows the commands
#   make demo       a live example               make incident: a walk through one
#   make test       everything                   make check: the rootless part only
#   make check-kernels   the kernel side on this kernel and on Debian 12's 6.1 in qemu
#   make bench      what it costs, beside its peers
#   DEBUG=1         no optimisation
#   make CC=clang   O=DIR puts the output elsewhere   SAN=address,undefined
#
# What has to be installed is listed in tools/deps.sh; `make deps` installs what is missing.

O       ?= build
V       ?= 0
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG   ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
ARCH    ?= $(shell uname -m)
BPFARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(ARCH)))
PREFIX  ?= /usr/local
VERSION := $(shell cat VERSION)

Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' "$(1)" "$(patsubst $(O)/%,%,$(2))";)

OPT     := $(if $(DEBUG),-O0,-O2)
WARN    := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla
STD     := -std=gnu17 -D_GNU_SOURCE -DRS_VERSION='"$(VERSION)"'
CFLAGS  := $(OPT) -g $(STD) $(WARN) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
	   -fstack-protector-strong -I$(O)/gen $(EXTRA_CFLAGS)
LDLIBS  := -lbpf -lelf -lz -linih -lncursesw -ltinfo -lm
LDFLAGS := $(if $(SAN),-fsanitize=$(SAN)) $(EXTRA_LDFLAGS)
# The unit tests and what they link always run under the sanitizers.
CHECK_CFLAGS := -O1 -g $(STD) $(WARN) -fsanitize=address,undefined -fno-sanitize-recover=all \
	   -fno-omit-frame-pointer -DRS_TEST

PURE    := $(wildcard user/core/*.c user/proto/*.c user/lib/*.c user/sink/*.c) \
	   $(addprefix user/top/,model.c rows.c view.c slowest.c spark.c layout.c) user/session_tally.c user/session_logbook.c \
	   $(filter-out user/python/process.c user/python/symbols.c user/python/thread.c,$(wildcard user/python/*.c))
OUTER   := $(filter-out $(PURE),$(wildcard user/*.c user/cmd/*.c user/capture/*.c user/top/*.c \
	   user/python/*.c))
TESTS   := $(wildcard tests/unit/test_*.c)
HELPERS := $(filter-out $(TESTS),$(wildcard tests/unit/*.c))
BPFTESTS := $(wildcard tests/bpf/test_*.c)
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

OBJ       := $(PURE:%.c=$(O)/obj/%.o) $(OUTER:%.c=$(O)/obj/%.o)
CHECK_OBJ := $(PURE:%.c=$(O)/check/%.o) $(HELPERS:%.c=$(O)/check/%.o)
CHECK_BIN := $(TESTS:tests/unit/%.c=$(O)/check/bin/%)
BPF_BIN   := $(BPFTESTS:tests/bpf/%.c=$(O)/bpftest/%)
SKEL      := $(O)/gen/reqscope.skel.h $(O)/gen/reqscope_plain.skel.h

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps demo test check check-bpf check-e2e check-vmlinux bpf-arm64 fuzz format install clean

all: $(O)/reqscope

$(O)/reqscope: $(OBJ)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/obj/%.o: %.c | $(SKEL)
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# --- the kernel side
# (libbpf's BPF_PROG leaves its context parameter unused)
BPF_CFLAGS := -g -O2 -Wall -Wextra -Werror -Wno-unused-parameter -target bpf -mcpu=v3 -Ivmlinux -Ibpf

$(O)/gen/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -D__TARGET_ARCH_$(BPFARCH) -MMD -MP -c -o $@ $<
	$(Q)llvm-strip -g $@ 2>/dev/null || llvm-strip-14 -g $@

$(O)/gen/%.skel.h: $(O)/gen/%.bpf.o
	$(call say,SKEL,$@){ echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name $*_bpf && \
		echo '/* NOLINTEND */'; } > $@

# The other architecture's kernel side must go on compiling.
bpf-arm64: bpf/reqscope.bpf.c
	@mkdir -p $(O)/gen
	$(call say,BPF,reqscope.arm64.o)$(CLANG) $(BPF_CFLAGS) -D__TARGET_ARCH_arm64 -c \
		-o $(O)/gen/reqscope.arm64.o $<

# --- tests
$(O)/check/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CHECK,$@)$(CC) $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/check/bin/%: $(O)/check/tests/unit/%.o $(CHECK_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -fsanitize=address,undefined -o $@ $^ -lcmocka -lcjson -linih -lz -lm

$(O)/bpftest/%: tests/bpf/%.c $(filter-out $(O)/obj/user/main.o,$(OBJ))
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) -MMD -MP -o $@ $(filter %.c %.o,$^) $(LDFLAGS) -lcmocka $(LDLIBS)

check: $(CHECK_BIN)
	$(Q)tests/run.py --only unit
check-bpf: all $(BPF_BIN)
	$(Q)tests/run.py --only bpf
check-e2e: all
	$(Q)tests/run.py --only e2e
check-vmlinux: all
	$(Q)tools/check-vmlinux.py $(O)/gen/reqscope.bpf.o
# On the running kernel and on Debian 12's 6.1 in qemu; docs/kernels.md. verified: the instructions that
# their verifiers count, into tests/bpf/verified.txt.
.PHONY: check-kernels verified
check-kernels:
	$(Q)tools/deps.sh
	$(Q)$(MAKE) --no-print-directory all $(BPF_BIN)
	$(Q)O=$(O) tests/kernels/run.py
verified: all $(O)/bpftest/test_verifier
	$(Q)O=$(O) tests/kernels/run.py --verified

test:
	$(Q)tools/deps.sh
	$(Q)$(MAKE) --no-print-directory build-tests
	$(Q)tests/run.py

.PHONY: build-tests
build-tests: all bpf-arm64 $(CHECK_BIN) $(BPF_BIN) $(FUZZERS:%=$(O)/fuzz/%)

deps:
	$(Q)tools/deps.sh

demo:
	$(Q)tools/deps.sh
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tools/demo.sh

# The walk through one incident, played again; docs/incident.md is one run of it.
.PHONY: incident
incident:
	$(Q)tools/deps.sh
	$(Q)$(MAKE) --no-print-directory all
	$(Q)O=$(O) tools/incident.py

# --- fuzzing: one binary a target, libFuzzer; FUZZ_SECONDS each
FUZZ_SECONDS ?= 600
FUZZ_CFLAGS  := -O1 -g $(STD) -fno-sanitize-recover=all
FUZZ_OBJ     := $(PURE:%.c=$(O)/fuzz/%.o)
$(O)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined \
		-MMD -MP -c -o $@ $<
$(FUZZERS:%=$(O)/fuzz/%): $(O)/fuzz/%: $(O)/fuzz/tests/fuzz/%.o $(FUZZ_OBJ)
	$(call say,LD,$@)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -linih -lz -lm
fuzz: $(FUZZERS:%=$(O)/fuzz/%)
	$(Q)tests/fuzz/run.sh $(O)/fuzz $(FUZZ_SECONDS) $(FUZZERS)

# Event streams of real servers for the rootless replay test; needs root. See tests/golden/make.py.
.PHONY: golden
golden: all $(O)/golden-record
	$(Q)tools/venv.sh
	$(Q)/usr/bin/python3 tests/golden/make.py $(O)/golden-record
	$(Q)$(MAKE) --no-print-directory $(O)/check/bin/test_golden
	$(Q)RS_GOLDEN_UPDATE=1 $(O)/check/bin/test_golden
$(O)/golden-record: tests/golden/record.c $(filter-out $(O)/obj/user/main.o,$(OBJ))
	$(call say,LD,$@)$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(LDLIBS)

# What reqscope costs, beside its peers: $(O)/bench.json and a table; docs/performance.md is made from it.
# ROUNDS=20: a first look within minutes.
.PHONY: bench performance
ROUNDS ?= 200
bench:
	$(Q)tools/deps.sh bench
	$(Q)$(MAKE) --no-print-directory all $(O)/bench/load $(O)/bench/server $(O)/bench/calls
	$(Q)O=$(O) tests/bench/run.py --rounds $(ROUNDS)
performance:
	$(Q)tests/bench/page.py $(O)/bench.json docs/performance.md
$(O)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) -o $@ $<

# Everything on, under full load, for MINUTES: memory flat, counts exact. See tools/soak.py.
MINUTES ?= 30
.PHONY: soak
soak: all
	$(Q)O=$(O) tools/soak.py $(MINUTES)

# clang-tidy and cppcheck over user/: clean, as .clang-tidy and .cppcheck configure them.
.PHONY: lint
lint: $(SKEL)
	$(Q)GEN=$(O)/gen tools/lint.sh

format:
	clang-format -i $$(git ls-files '*.c' '*.h' | grep -v '^vmlinux/')

install: all
	install -D -m 0755 $(O)/reqscope $(DESTDIR)$(PREFIX)/bin/reqscope
	install -D -m 0644 docs/reqscope.1 $(DESTDIR)$(PREFIX)/share/man/man1/reqscope.1
	install -D -m 0644 tools/reqscope.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/reqscope

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
