#!/bin/sh
# examples.sh BITLOOM ROOT: the examples run as they stand, for an epoch or two;
# every point they keep evaluates to the same numbers in integers; made again
# from their row of the store, they end with the same weights.
bitloom=$(realpath "$1") root=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0

# example NAME OPTIONS...
example() {
    name=$1
    shift
    if ! "$bitloom" run "$root/examples/$name.lua" --out "$dir" --epochs 2 \
        "$@" >"$dir/out" 2>&1; then
        if grep -q 'not found. Looked in' "$dir/out"; then
            echo "$name: its data is not here, skipped"
            return
        fi
        echo "FAILED: $name"
        tail -n 5 "$dir/out"
        bad=1
        return
    fi
    "$bitloom" eval "$name-001" --store "$dir" --exact --json >"$dir/eval" ||
        { echo "FAILED: eval $name-001"; bad=1; }
    grep -q '"mismatches": *0[,}]' "$dir/eval" ||
        { echo "FAILED: $name: $(cat "$dir/eval")"; bad=1; }
    "$bitloom" runs rerun "$name-001" --out "$dir" --threads 1 >"$dir/out" 2>&1 ||
        { echo "FAILED: $name made again: $(tail -n 3 "$dir/out")"; bad=1; }
}

example muon
example jets --set data=32k
example mnist --set epochs=2
example svhn --set data=drawn --set rows=300
example tgc --set rows=500
exit $bad
