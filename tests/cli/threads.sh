#!/bin/sh
# threads.sh BITLOOM ROOT: 200 steps and more of every example end with the same
# weights on 1, 2, 3 and 8 threads, and when they are stopped twice on the way.
# LOOM_NIGHTLY=1: with all of their rows.
bitloom=$(realpath "$1") root=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 "$dir/out" "$dir/err"
    bad=1
}

# The hash of the weights that a run has ended with.
weights() {
    sed -n 's/.*"event":"done".*"complete":true.*"weights":"\([0-9a-f]\{16\}\)".*/\1/p' "$1"
}

# Run until it has begun to train, or for so many seconds more, and stop it.
stop() {
    seconds=$1
    shift
    nice -n 10 "$bitloom" run "$@" --json >"$dir/out" 2>"$dir/err" &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        grep -q '"text":"run ' "$dir/out" && break
        sleep 0.02
    done
    sleep "$seconds"
    kill -INT $pid 2>/dev/null
    wait $pid
    status=$?
    [ $status = 130 ] && stops=$((stops + 1))
    [ $status = 130 ] || [ $status = 0 ] || fail "$*: status $status"
}

# example NAME OPTIONS...
example() {
    name=$1
    shift
    set -- "$root/examples/$name.lua" "$@"
    first='' stops=0
    for threads in 1 2 3 8; do
        if ! "$bitloom" run "$@" --threads $threads --out "$dir/$name" --json \
            >"$dir/out" 2>"$dir/err"; then
            if grep -q 'not found. Looked in' "$dir/err"; then
                echo "$name: its data is not here, skipped"
                return
            fi
            fail "$name on $threads threads"
            return
        fi
        hash=$(weights "$dir/out")
        first=${first:-$hash}
        [ -n "$hash" ] && [ "$hash" = "$first" ] ||
            fail "$name: $hash on $threads threads, $first on one"
    done
    for _ in 1 2 3 4 5; do # it may end before it is stopped
        rm -rf "$dir/parts"
        stop 0 "$@" --threads 2 --out "$dir/parts"
        [ $stops -gt 0 ] && break
    done
    stop 0.3 "$@" --threads 1 --out "$dir/parts" --resume "$name-001"
    [ $stops -gt 0 ] || fail "$name: it was never stopped"
    "$bitloom" run "$@" --threads 3 --out "$dir/parts" --resume "$name-001" \
        --json >"$dir/out" 2>"$dir/err" || fail "$name: going on"
    hash=$(weights "$dir/out")
    [ "$hash" = "$first" ] || fail "$name: $hash after $stops stops, not $first"
    echo "$name: $first on 1, 2, 3, 8 threads and after $stops stops"
}

if [ -n "$LOOM_NIGHTLY" ]; then
    example muon --epochs 2
    example jets --epochs 2
    example mnist --epochs 7
    example svhn --epochs 2
    example tgc --epochs 1
else
    example muon --set batch=500 --epochs 1
    example jets --set data=32k --epochs 2
    example mnist --set batch=256 --epochs 1
    example svhn --set data=drawn --set rows=402 --set batch=2 --epochs 1
    example tgc --set rows=2000 --set batch=10 --epochs 1
fi
exit $bad
