#!/usr/bin/env bash
# all.sh SOURCE_ROOT: what a submission must pass, in four builds. The last line
# is "N passed, N failed[, N skipped]" over all of them; a build that does not
# compile is one failure. LOOM_CI_FAST=1 stops after the first build.
set -u
top=$(cd "${1:?usage: all.sh SOURCE_ROOT}" && pwd) || exit 2
passed=0 failed=0 skipped=0

# A sanitizer that only prints is no test.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

say() {
    printf '== %s\n' "$*"
}

# broken WHAT LOG: one failure, with the end of its log
broken() {
    failed=$((failed + 1))
    say "$1 failed:"
    tail -n 60 "$2"
}

# build NAME MESON_OPTIONS...: set up and compile build-ci-NAME
build() {
    dir=$top/build-ci-$1
    log=$top/build-ci-$1.log
    start=$SECONDS
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$top" "${@:2}" >"$log" 2>&1 ||
            { broken "$1: setting up" "$log"; return 1; }
    fi
    ninja -C "$dir" >"$log" 2>&1 || { broken "$1: compiling" "$log"; return 1; }
    rm -f "$log"
    say "$1: compiled in $((SECONDS - start)) s"
}

# results WORDS...: tests of the last run that ended with one of them. A line
# of testlog.json is a test; quotes within its texts are escaped, so that the
# pattern fits its own "result" alone.
results() {
    sed -n 's/^{"name": ".*", "result": "\([A-Z]*\)", .*/\1/p' "$json" |
        grep -cxE "$1"
}

# check NAME MESON_TEST_OPTIONS...: run tests of build-ci-NAME, count them
check() {
    dir=$top/build-ci-$1
    log=$dir/check.log
    json=$dir/meson-logs/testlog.json
    start=$SECONDS
    rm -f "$json"
    "${wrap[@]}" meson test -C "$dir" --no-rebuild --print-errorlogs \
        "${@:2}" >"$log" 2>&1
    status=$?
    touch "$json"
    good=$(results 'OK|EXPECTEDFAIL')
    none=$(results SKIP)
    bad=$(results '.*')
    bad=$((bad - good - none))
    # It failed, but no test did: a crash of the runner must not look well.
    [ "$bad" = 0 ] && [ "$status" != 0 ] && bad=1
    [ "$bad" = 0 ] || cat "$log"
    sed -n 's/^{"name": "\([^"]*\)".*", "result": "SKIP", .*/skipped: \1/p' \
        "$json"
    say "$1: $good passed, $bad failed, $none skipped in $((SECONDS - start)) s"
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + none))
}

# Whether programs with the thread sanitizer start here at all: it needs its
# addresses free, which some kernels' randomization takes. Sets wrap.
thread_sanitizer_works() {
    probe=$(mktemp -d) || return 1
    echo 'int main(void){return 0;}' >"$probe/p.c"
    ok=1
    if gcc -fsanitize=thread "$probe/p.c" -o "$probe/p" 2>"$probe/log"; then
        if "$probe/p" >"$probe/log" 2>&1; then
            ok=0
        elif setarch -R "$probe/p" >"$probe/log" 2>&1; then
            wrap=(setarch -R)
            ok=0
        fi
    fi
    [ $ok = 0 ] || tail -n 3 "$probe/log"
    rm -rf "$probe"
    return $ok
}

finish() {
    line="$passed passed, $failed failed"
    [ "$skipped" = 0 ] || line="$line, $skipped skipped"
    echo "$line"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

wrap=(env)
CC=gcc build gcc -Dwerror=true && check gcc
[ "${LOOM_CI_FAST:-}" = 1 ] && finish

CC=clang build clang -Dwerror=true && check clang --suite unit

# Builds in an FPGA's tools take long and run no more of our code.
CC=gcc build asan -Db_sanitize=address,undefined -Dbuildtype=debugoptimized &&
    check asan --no-suite slow -t 4

if thread_sanitizer_works; then
    CC=gcc build tsan -Db_sanitize=thread -Dbuildtype=debugoptimized &&
        check tsan --suite threads -t 4
else
    say 'tsan: programs with the thread sanitizer do not start here; skipped'
    skipped=$((skipped + 1))
fi
finish
