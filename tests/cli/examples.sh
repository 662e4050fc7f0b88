#!/bin/sh
# examples.sh BITLOOM ROOT: the examples run as they stand, for an epoch or two;
# every point they keep evaluates to the same numbers in integers; made again
# from their row of the store, they end with the same weights; written as QONNX
# and read again, they say the same.
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

# There and back as QONNX, all outputs are the same.
as_qonnx() {
    [ -e "$dir/$1-001/test_x.npy" ] || return
    if ! { "$bitloom" export "$1-001" --store "$dir" --format qonnx -o "$dir/q.onnx" &&
        "$bitloom" import "$dir/q.onnx" -o "$dir/q.loom" &&
        "$bitloom" eval "$1-001" --store "$dir" --out "$dir/a.npy" &&
        "$bitloom" eval "$dir/q.loom" --data "$dir/$1-001/test_x.npy" --exact \
            --out "$dir/b.npy" && cmp "$dir/a.npy" "$dir/b.npy"; } >"$dir/out" 2>&1; then
        echo "FAILED: $1 as QONNX: $(tail -n 3 "$dir/out")"
        bad=1
    fi
}

example muon
example jets --set data=32k
example jets_tables --set width=3
example mnist --set epochs=2
example svhn --set data=drawn --set rows=300
example tgc --set rows=500
for name in muon jets mnist svhn; do
    as_qonnx $name
done
exit $bad
