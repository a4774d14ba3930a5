# dvcsyncd: one file, not recursive. `make demo` and `make check` are all a newcomer needs.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

CC       ?= gcc
BUILD    ?= build
VERSION  := 0.1.0
PACKAGES := libuv libcurl libxml-2.0 libcjson sqlite3 libconfuse libmicrohttpd libutf8proc libsystemd openssl

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wformat=2 -Wvla -Werror
HARDEN   := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
OPTIMISE ?= -O2 -g
SANITIZE ?=
CPPFLAGS += -D_GNU_SOURCE -DDVCSYNC_VERSION='"$(VERSION)"' -Ilib -Itest -I. -I$(BUILD)/gen
CFLAGS   += -std=c11 $(WARNINGS) $(OPTIMISE) $(HARDEN) $(SANITIZE)
LDFLAGS  += -pie -Wl,-z,relro,-z,now $(SANITIZE)
LDLIBS   := -luv -lcurl -lxml2 -lcjson -lsqlite3 -lconfuse -lmicrohttpd -lutf8proc -lsystemd -lssl -lcrypto -lz -lpthread -lm
CPPFLAGS += -I/usr/include/libxml2

LIB_SRC     := $(sort $(wildcard lib/*/*.c))
DAEMON_SRC  := $(sort $(filter-out daemon/main.c daemon/ctl%.c,$(wildcard daemon/*.c)))
CTL_SRC     := $(sort $(wildcard daemon/ctl*.c))
SANDBOX_SRC := $(sort $(wildcard test/sandbox/*.c))
TESTLIB_SRC := $(sort $(wildcard test/lib/*.c))
UNIT_SRC    := $(sort $(wildcard test/unit/test_*.c))
UNIT_BIN    := $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
object       = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

.PHONY: all
all: $(BUILD)/dvcsyncd $(BUILD)/dvcsyncctl $(BUILD)/dvcsync-sandbox

$(BUILD)/gen/journal/schema.h: lib/journal/schema.sql
	@mkdir -p $(@D)
	@{ echo '/* Made from lib/journal/schema.sql. */'; echo 'static const char journal_schema_sql[] ='; \
	  sed -e 's/ *--.*$$//' -e '/^ *$$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^.*$$/    "&\\n"/' $<; echo '    ;'; } > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/gen/journal/schema.h
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libdvcsync.a: $(call object,$(LIB_SRC))
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/dvcsyncd: $(call object,daemon/main.c $(DAEMON_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The losing control: doubt forgotten. Built for the oracle's sake, never installed.
$(BUILD)/dvcsyncd-losing: daemon/main.c $(call object,$(DAEMON_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(CPPFLAGS) -DDVCSYNC_LOSING_CONTROL $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The control of make powercut: commits that are not synced. Never installed.
$(BUILD)/dvcsyncd-normal: daemon/main.c $(call object,$(DAEMON_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(CPPFLAGS) -DDVCSYNC_NORMAL_CONTROL $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/dvcsyncctl: $(call object,$(CTL_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/dvcsync-sandbox: $(call object,$(SANDBOX_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The archive once more for the objects that the lines below add behind it.
$(BUILD)/unit/%: $(BUILD)/obj/test/unit/%.o $(call object,$(TESTLIB_SRC)) $(call object,$(DAEMON_SRC)) $(BUILD)/libdvcsync.a
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(BUILD)/libdvcsync.a -lcmocka $(LDLIBS)

# What tests need of dvcsyncctl.
$(BUILD)/unit/test_evidence: $(call object,daemon/ctl_evidence_file.c)
$(BUILD)/unit/test_compare_file: $(call object,daemon/ctl_compare_file.c)
$(BUILD)/unit/test_integrity: $(call object,daemon/ctl_integrity_judge.c daemon/ctl_integrity_links.c)
$(BUILD)/unit/test_ctl: $(call object,daemon/ctl_text.c daemon/ctl_http.c $(wildcard daemon/ctl_view*.c))
$(BUILD)/unit/test_report: $(call object,daemon/ctl_flows.c daemon/ctl_report_gather.c daemon/ctl_report_tables.c)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- what a fresh Debian 12 needs ----

DEPS_BUILD := gcc make pkg-config libuv1-dev libcurl4-openssl-dev zlib1g-dev libxml2-dev libcjson-dev libsqlite3-dev \
              libconfuse-dev libmicrohttpd-dev libutf8proc-dev libsystemd-dev libssl-dev python3 xz-utils
DEPS_CHECK := libcmocka-dev clang libclang-rt-14-dev clang-format valgrind gcovr prometheus systemd sqlite3 curl

# The prometheus package brings promtool; its service is not started by us.
.PHONY: deps
deps:
	@DEPS="$(DEPS_BUILD) $(DEPS_CHECK)" test/install.sh

# ---- demonstration ----

# A second make, so that what deps has just installed is seen.
DOSSIERS ?= 10000
SEED     ?= 1
FAULTS   ?= none
KILLS    ?= 50
FLOWS    ?= core
.PHONY: demo run
demo: deps
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) DOSSIERS=$(DOSSIERS) SEED=$(SEED) FAULTS=$(FAULTS) KILLS=$(KILLS) FLOWS=$(FLOWS) test/demo.sh

run: deps
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) DOSSIERS=$(DOSSIERS) SEED=$(SEED) FAULTS=$(FAULTS) KILLS=$(KILLS) FLOWS=$(FLOWS) test/demo.sh run

# ---- other products of provinces ----

# Each preset from the sandbox playing that product to the sandbox portal; one line each.
PRESETS ?= igate-connector igate-search vpcp-shape lgsp-hcm ngsp-justice oep-soap bridge-array
PRESET_DOSSIERS ?= 5000
.PHONY: presets
presets: deps
	@$(MAKE) --no-print-directory -j2 all
	@for p in $(PRESETS); do BUILD=$(BUILD) SEED=$(SEED) test/presets.sh $$p $(PRESET_DOSSIERS) || exit 1; done

# ---- tests ----

$(BUILD)/replay: $(call object,$(wildcard test/replay/*.c) $(TESTLIB_SRC) $(DAEMON_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

.PHONY: tests unit
tests: all $(UNIT_BIN) $(BUILD)/replay

unit: $(UNIT_BIN) $(BUILD)/replay
	@BUILD=$(BUILD) test/run-tests.sh unit replay

.PHONY: check
check: deps
	@$(MAKE) --no-print-directory -j2 tests $(BUILD)/dvcsyncd-losing
	@$(MAKE) --no-print-directory layers lint
	@BUILD=$(BUILD) test/run-tests.sh unit replay integration

SANITIZE_BUILD = $(MAKE) --no-print-directory -j2 CC=clang HARDEN=-fPIE OPTIMISE="-O1 -g -fno-omit-frame-pointer"

.PHONY: check-asan check-tsan check-valgrind
check-asan: deps
	@$(SANITIZE_BUILD) BUILD=$(BUILD)/asan SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" tests
	@BUILD=$(BUILD)/asan test/run-tests.sh unit replay

check-tsan: deps
	@$(SANITIZE_BUILD) BUILD=$(BUILD)/tsan SANITIZE=-fsanitize=thread tests
	@BUILD=$(BUILD)/tsan SLOW_TOOL=1 TSAN_OPTIONS=allocator_may_return_null=1 test/run-tests.sh unit replay
	@BUILD=$(BUILD)/tsan ONLY=test_together TSAN_OPTIONS=allocator_may_return_null=1 test/run-tests.sh integration

check-valgrind: deps
	@$(MAKE) --no-print-directory -j2 $(UNIT_BIN)
	@BUILD=$(BUILD) UNDER="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite" \
	    SLOW_TOOL=1 test/run-tests.sh unit

.PHONY: cover
cover: deps
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/cover HARDEN=-fPIE OPTIMISE="-O0 -g" SANITIZE=--coverage tests
	@BUILD=$(BUILD)/cover test/run-tests.sh unit replay > $(BUILD)/cover/tests.log || { tail -n 20 $(BUILD)/cover/tests.log; exit 1; }
	@gcovr --root . --filter lib/ --object-directory $(BUILD)/cover --exclude-throw-branches --print-summary \
	    --fail-under-line 90 --fail-under-branch 75 $(BUILD)/cover/obj

# ---- the long tests ----

DEPS_LONG :=
.PHONY: deps-long
deps-long: deps
	@DEPS="$(DEPS_LONG)" test/install.sh

# ---- a model of an item's life (test/model/item.pml) ----

DEPS_LONG += spin
.PHONY: model
model: deps-long
	@BUILD=$(BUILD) test/model/run.sh

# ---- the shipped unit under a booted systemd; root only ----

DEPS_LONG += mmdebstrap systemd-container
.PHONY: systemd-test
systemd-test: deps-long
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) test/systemd/run.sh

# ---- crashes (test/crash/run.py says what its variables do) ----

CRASH_KILLS    ?= $(if $(filter file,$(origin KILLS)),1000,$(KILLS))
CRASH_SRC      := daemon/main.c $(DAEMON_SRC) $(LIB_SRC) test/crash/crash_point.c
CRASH_FLAGS    := -DDVCSYNC_CRASH_POINTS
crash_object    = $(patsubst %.c,$(BUILD)/crash/obj/%.o,$(1))

$(BUILD)/crash/obj/%.o: %.c $(BUILD)/gen/journal/schema.h
	@mkdir -p $(@D)
	@echo "  CC   $< (crash points)"
	@$(CC) $(CPPFLAGS) $(CRASH_FLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/crash/dvcsyncd: $(call crash_object,$(CRASH_SRC))
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The control that must lose: doubt forgotten, as in dvcsyncd-losing.
$(BUILD)/crash/dvcsyncd-losing: daemon/main.c $(filter-out %/daemon/main.o,$(call crash_object,$(CRASH_SRC)))
	@echo "  LINK $@"
	@$(CC) $(CPPFLAGS) $(CRASH_FLAGS) -DDVCSYNC_LOSING_CONTROL $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/crash/points: $(call crash_object,test/crash/points.c)
	@$(CC) $(LDFLAGS) -o $@ $^

-include $(shell find $(BUILD)/crash/obj -name '*.d' 2>/dev/null)

.PHONY: crash crash-build
crash-build: $(BUILD)/dvcsyncd $(BUILD)/dvcsyncctl $(BUILD)/dvcsync-sandbox $(BUILD)/crash/dvcsyncd \
             $(BUILD)/crash/dvcsyncd-losing $(BUILD)/crash/points

crash: deps-long
	@$(MAKE) --no-print-directory -j2 crash-build
	@! nm $(BUILD)/dvcsyncd | grep -i crash_point || { echo "the shipped build holds crash points"; exit 1; }
	@BUILD=$(BUILD) SEED=$(SEED) KILLS=$(CRASH_KILLS) python3 test/crash/run.py

# ---- faults (test/faults/faults.py says what its variables do) ----

DEPS_LONG += faketime

# What a preload calls must stay a call: -fno-builtin.
$(BUILD)/faults/%.so: test/faults/%.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@gcc $(CPPFLAGS) -std=c11 $(WARNINGS) -O2 -g -fPIC -fno-builtin -fvisibility=hidden -shared -o $@ $<

# gcc's sanitizer is a library of its own, so that the preload can stand before it.
FAULT_ASAN_RUNS ?= $(if $(FAULT_RUNS),0,200)
.PHONY: faults faults-build faults-asan
faults-build: $(BUILD)/dvcsyncd $(BUILD)/dvcsyncctl $(BUILD)/dvcsync-sandbox \
              $(BUILD)/faults/preload.so $(BUILD)/faults/disk.so

faults-asan:
	@[ $(FAULT_ASAN_RUNS) -eq 0 ] || $(MAKE) --no-print-directory -j2 CC=gcc BUILD=$(BUILD)/faults/asan HARDEN=-fPIE \
	    OPTIMISE="-O1 -g -fno-omit-frame-pointer" SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined" \
	    $(BUILD)/faults/asan/dvcsyncd

faults: deps-long
	@$(MAKE) --no-print-directory -j2 faults-build
	@$(MAKE) --no-print-directory faults-asan
	@BUILD=$(BUILD) SEED=$(SEED) FAULT_RUNS=$(FAULT_RUNS) FAULT_ASAN_RUNS=$(FAULT_ASAN_RUNS) python3 test/faults/faults.py

# ---- fuzzing (test/fuzz/run.sh says what its variables do) ----

DEPS_LONG += afl++ libjansson-dev
FUZZ_SECONDS ?= 3600
AFL_SECONDS  ?= 3600
FUZZ_SRC     := $(sort $(wildcard test/fuzz/fuzz_*.c))
FUZZ_BIN     := $(patsubst test/fuzz/%.c,$(BUILD)/%,$(FUZZ_SRC))
FUZZ_LIB     := test/fuzz/fuzz.c test/fuzz/world.c test/lib/fake_loop.c test/lib/fake_http.c
# What feeds a target: a compiler's flag, or test/fuzz/once.c, which runs the files that it is given.
FUZZ_ENGINE  ?= test/fuzz/once.c
FUZZ_DRIVER   = $(if $(filter %.c,$(FUZZ_ENGINE)),$(call object,$(FUZZ_ENGINE)),$(FUZZ_ENGINE))
FUZZ_CHECKS  := address,undefined -fno-sanitize-recover=all

# What a target defines itself stands in place of an archive's.
$(BUILD)/libfuzz.a: $(call object,$(FUZZ_LIB))
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/libdaemon.a: $(call object,$(DAEMON_SRC) daemon/ctl_text.c daemon/ctl_http.c $(wildcard daemon/ctl_view*.c))
	@rm -f $@ && ar rcs $@ $^

# jansson with the one object that uses it; its own names, some of which are ours too, end here.
$(BUILD)/oracle.o: $(call object,test/fuzz/oracle.c)
	@ld -r -o $@ $< --whole-archive "$$($(CC) -print-file-name=libjansson.a)"
	@objcopy --wildcard --keep-global-symbol='oracle_*' $@

$(BUILD)/fuzz_%: $(BUILD)/obj/test/fuzz/fuzz_%.o $(BUILD)/oracle.o $(BUILD)/libfuzz.a $(BUILD)/libdaemon.a $(BUILD)/libdvcsync.a \
                 $(if $(filter %.c,$(FUZZ_ENGINE)),$(call object,$(FUZZ_ENGINE)))
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $< $(FUZZ_DRIVER) $(BUILD)/oracle.o $(BUILD)/libfuzz.a $(BUILD)/libdaemon.a \
	    $(BUILD)/libdvcsync.a $(LDLIBS)

.PHONY: fuzz fuzz-cover fuzz-afl fuzz-targets
fuzz-targets: $(FUZZ_BIN) $(call object,$(FUZZ_SRC))

fuzz: deps-long
	@$(SANITIZE_BUILD) BUILD=$(BUILD)/fuzz SANITIZE="-fsanitize=fuzzer-no-link,$(FUZZ_CHECKS)" \
	    FUZZ_ENGINE=-fsanitize=fuzzer fuzz-targets
	@BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) test/fuzz/run.sh

# Lines of each parser that its corpus, and what the last `make fuzz` found, go through.
fuzz-cover: deps-long
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/fuzz-cover HARDEN=-fPIE OPTIMISE="-O0 -g" SANITIZE=--coverage fuzz-targets
	@BUILD=$(BUILD) test/fuzz/cover.sh

# The two files that outlive the process, by another fuzzer.
fuzz-afl: deps-long
	@AFL_USE_ASAN=1 AFL_USE_UBSAN=1 AFL_QUIET=1 $(MAKE) --no-print-directory -j2 CC=afl-clang-fast HARDEN=-fPIE \
	    OPTIMISE="-O1 -g -fno-omit-frame-pointer" BUILD=$(BUILD)/fuzz-afl FUZZ_ENGINE=-fsanitize=fuzzer \
	    $(BUILD)/fuzz-afl/fuzz_config $(BUILD)/fuzz-afl/fuzz_journal
	@BUILD=$(BUILD) AFL_SECONDS=$(AFL_SECONDS) test/fuzz/afl.sh

# ---- a month's figures ----

# MONTH_SHARE: thousandths of the whole month; MONTH_STEPS: steps of each dossier.
$(BUILD)/month-fill: $(call object,test/month/fill.c $(TESTLIB_SRC) $(DAEMON_SRC)) $(BUILD)/libdvcsync.a
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

.PHONY: month
month: deps
	@$(MAKE) --no-print-directory -j2 $(BUILD)/dvcsyncctl $(BUILD)/month-fill
	@BUILD=$(BUILD) test/month/run.py

# ---- power cuts (test/powercut/powercut.py says what its variables do) ----

CUTS ?= 1000
$(BUILD)/powercut.so: test/powercut/powercut.c
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) -D_GNU_SOURCE -std=c11 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $<

.PHONY: powercut
powercut: deps-long
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/dvcsyncd-normal $(BUILD)/powercut.so
	@BUILD=$(BUILD) SEED=$(SEED) CUTS=$(CUTS) test/powercut/powercut.py

# ---- the soak (test/soak/soak.py says what its variables do) ----

SOAK_MINUTES ?= 60
# The control, for SOAK_LEAK=bytes: so much is lost at every request.
$(BUILD)/soak-leak.so: test/soak/leak.c
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) -D_GNU_SOURCE -std=c11 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $<

.PHONY: soak
soak: deps-long
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/soak-leak.so
	@BUILD=$(BUILD) SEED=$(SEED) SOAK_MINUTES=$(SOAK_MINUTES) test/soak/soak.py

# ---- consistency (test/consistency/consistency.py says what its variables do) ----

CONSISTENCY_DOSSIERS    ?= 30000
CONSISTENCY_DIFFERENCES ?= 500
.PHONY: consistency
consistency: deps-long
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) SEED=$(SEED) CONSISTENCY_DOSSIERS=$(CONSISTENCY_DOSSIERS) \
	    CONSISTENCY_DIFFERENCES=$(CONSISTENCY_DIFFERENCES) test/consistency/consistency.py

# ---- the bench (test/bench/bench.sh says what its variables do) ----

DEPS_BENCH      := gnuplot-nox
BENCH_SERVE     := $(filter test/sandbox/serve% test/sandbox/sbuf%,$(SANDBOX_SRC))
BENCH_BIN       := $(addprefix $(BUILD)/bench/bin/,ask counts feed ideal journal latency measure sequential wire xml)
$(BUILD)/bench/bin/counts: $(call object,test/bench/records.c test/lib/fake_http.c test/lib/fake_loop.c) $(BUILD)/libdvcsync.a
$(BUILD)/bench/bin/feed: $(call object,test/bench/records.c $(BENCH_SERVE))
$(BUILD)/bench/bin/ideal: $(call object,$(addprefix test/bench/,calls.c facts.c store.c words.c)) $(BUILD)/libdvcsync.a
$(BUILD)/bench/bin/xml: $(call object,test/bench/records.c) $(BUILD)/libdvcsync.a
$(BUILD)/bench/bin/latency: $(call object,$(addprefix test/bench/,calls.c facts.c records.c store.c words.c)) $(BUILD)/libdvcsync.a
$(BUILD)/bench/bin/sequential $(BUILD)/bench/bin/wire: $(call object,test/bench/calls.c test/bench/records.c test/bench/words.c)

$(BUILD)/bench/bin/journal: $(call object,test/bench/bare.c test/bench/made.c test/lib/fake_loop.c) $(BUILD)/libdvcsync.a

.SECONDARY: $(patsubst $(BUILD)/bench/bin/%,$(BUILD)/obj/test/bench/%.o,$(BENCH_BIN))
$(BUILD)/bench/bin/%: $(BUILD)/obj/test/bench/%.o
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: bench bench-build deps-bench
deps-bench: deps
	@DEPS="$(DEPS_BENCH)" test/install.sh

$(BUILD)/bench/bin/preload.so: test/bench/preload.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) -D_GNU_SOURCE -std=c11 $(WARNINGS) -O2 -g -fPIC -fvisibility=hidden -shared -o $@ $<

bench-build: all $(BENCH_BIN) $(BUILD)/bench/bin/preload.so

bench: deps-bench
	@$(MAKE) --no-print-directory -j2 bench-build
	@BUILD=$(BUILD) SEED=$(SEED) BENCH=$(BENCH) test/bench/bench.sh

# Where a catch-up's time goes (test/bench/profile.sh says what its variables do).
DEPS_PROFILE := linux-perf
.PHONY: profile
profile: deps
	@DEPS="$(DEPS_PROFILE)" test/install.sh
	@$(MAKE) --no-print-directory -j2 bench-build
	@BUILD=$(BUILD) SEED=$(SEED) test/bench/profile.sh

# Instructions of three fixed workloads beside test/bench/counts.txt (test/bench/counts.sh).
.PHONY: counts counts-renew
counts counts-renew: deps
	@$(MAKE) --no-print-directory -j2 $(BUILD)/bench/bin/counts $(BUILD)/bench/bin/journal
	@BUILD=$(BUILD) test/bench/counts.sh $(if $(filter counts-renew,$@),renew)

# ---- the house ----

.PHONY: layers lint format
layers:
	@test/layers.sh

# Every header stands alone; the format is the tool's.
lint:
	@for h in $$(git ls-files '*.h' 2>/dev/null || find lib daemon test -name '*.h'); do \
	    $(CC) $(CPPFLAGS) -std=c11 $(WARNINGS) -fsyntax-only -x c $$h || exit 1; done; \
	bad=$$(for f in $$(git ls-files '*.c' '*.h'); do clang-format --dry-run -Werror $$f >/dev/null 2>&1 || echo $$f; done); \
	[ -z "$$bad" ] || { echo "clang-format would change:"; echo "$$bad"; exit 1; }; \
	echo "lint: headers stand alone, format as the tool says"

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# Warnings are errors with clang too.
.PHONY: clang
clang:
	@$(MAKE) --no-print-directory -j2 CC=clang BUILD=$(BUILD)/clang all

.PHONY: ci
ci:
	@test/ci.sh

# ---- installation ----

PREFIX  ?= /usr
DESTDIR ?=
.PHONY: install
install: all
	install -D -m 0755 $(BUILD)/dvcsyncd $(DESTDIR)$(PREFIX)/sbin/dvcsyncd
	install -D -m 0755 $(BUILD)/dvcsyncctl $(DESTDIR)$(PREFIX)/bin/dvcsyncctl
	install -D -m 0644 conf/dvcsyncd.conf $(DESTDIR)/etc/dvcsync/dvcsyncd.conf
	install -D -m 0644 conf/calendar.csv $(DESTDIR)/etc/dvcsync/calendar.csv
	for m in conf/maps/*.csv; do install -D -m 0644 $$m $(DESTDIR)/etc/dvcsync/maps/$$(basename $$m); done
	for p in conf/presets/*; do install -D -m 0644 $$p $(DESTDIR)/etc/dvcsync/presets/$$(basename $$p); done
	install -d -m 0755 $(DESTDIR)/etc/dvcsync/conf.d
	install -d -m 0700 $(DESTDIR)/etc/dvcsync/credentials
	for u in systemd/*.service systemd/*.timer systemd/*.socket; do \
	    [ ! -f $$u ] || install -D -m 0644 $$u $(DESTDIR)/lib/systemd/system/$$(basename $$u); done
	install -D -m 0644 systemd/dvcsync.sysusers $(DESTDIR)/usr/lib/sysusers.d/dvcsync.conf
	install -D -m 0644 systemd/dvcsync.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/dvcsync.conf
	install -D -m 0644 doc/dvcsyncd.8 $(DESTDIR)$(PREFIX)/share/man/man8/dvcsyncd.8
	install -D -m 0644 doc/dvcsyncctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/dvcsyncctl.1
	install -D -m 0644 doc/dvcsyncd.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/dvcsyncd.conf.5
	install -D -m 0644 doc/dvcsync-preset.5 $(DESTDIR)$(PREFIX)/share/man/man5/dvcsync-preset.5
	install -D -m 0644 conf/dvcsyncctl.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/dvcsyncctl

.PHONY: clean
clean:
	rm -rf $(BUILD)
