#!/bin/sh
# bitloom run, and --plain, on the fake session: JSON lines, plain lines, quiet,
# interrupt, failure and wrong use. Usage: run.sh PROGRAM
set -eu
program=$(realpath "$1")
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
touch running.lua long.lua failed.lua missing.lua

fail() {
    echo "run.sh: $*" >&2
    cat out err >&2
    exit 1
}

# expect STATUS ARGS...: run with them, output in out and err
expect() {
    want=$1
    shift
    got=0
    "$program" run "$@" >out 2>err || got=$?
    [ "$got" = "$want" ] || fail "run $*: status $got, not $want"
}

expect 0 running.lua --json --epochs 7
[ "$(grep -c '"event":"epoch"' out)" = 7 ] || fail "not 7 epochs"
[ "$(grep -c '^{"schema":"bitloom/run/1","event":' out)" = "$(wc -l <out)" ] ||
    fail "a line without schema"
for key in epoch loss val_loss val_metric metric ebops beta lr seconds \
    samples_per_s; do
    sed -n 1p out | grep -q "\"$key\":" || fail "an epoch without $key"
done
sed -n 2p out | grep -q '"loss":null' || fail "NaN is not null"
grep '"event":"pareto"' out | grep -q '"checkpoint":"runs/' || fail "no point"
tail -n 1 out | grep '"event":"done","run":"muon-017"' |
    grep '"best":{"epoch":27' | grep -q '"front":\[{"epoch":214' ||
    fail "no done line"
[ ! -s err ] || fail "words on standard error"

expect 0 running.lua --epochs 300
[ "$(grep -c '^ep ' out)" -le 4 ] || fail "more than a line a second"
grep -q '^ep 300/300 ' out || fail "no last line"
grep -q '^muon-017: done after 300 epochs' out || fail "no summary"

expect 0 running.lua -q
[ ! -s out ] || fail "-q is not quiet"

"$program" run long.lua --json >out 2>err &
pid=$!
until [ -s out ]; do :; done
kill -INT "$pid" 2>/dev/null || true
# A shell's background job ignores SIGINT unless the program catches it.
got=0
wait "$pid" || got=$?
[ "$got" = 130 ] || fail "interrupt: status $got"
tail -n 1 out | grep '"event":"done"' | grep -q '"complete":false' ||
    fail "interrupt: no done line"

expect 1 failed.lua --json
grep -q 'loss is not a number' err || fail "no reason"
grep -q '"event":"done"' out && fail "a failed run is done"
expect 2 missing.lua
grep -q 'no such file' err || fail "no reason"
expect 2
expect 2 --epochs 0 running.lua
expect 2 --epochs
expect 2 --epochs 1e3 running.lua
expect 2 --seed=-1 running.lua
expect 2 --set novalue running.lua
expect 2 --mono running.lua
expect 2 --json=1 running.lua
expect 2 running.lua long.lua
grep -q 'one script at a time' err || fail "no reason"

# Nobody reads: it must end by itself, and say why.
("$program" run long.lua --json 2>err || echo "$?" >status) | sed -n 2q
[ "$(cat status)" = 1 ] || fail "a closed pipe"
grep -q 'the run is saved' err || fail "no reason"
"$program" running.lua </dev/null >out 2>err && fail "a screen without terminal"
grep -q 'bitloom run SCRIPT.lua' err || fail "no way out named"

# Words instead of a screen: what is asked is answered, each thing said once.
touch building.lua
printf '%s\n' dash layers builds data "beta x2" nonsense "lua say hello" find \
    help q n q y >typed
got=0
"$program" --plain building.lua <typed >out 2>err || got=$?
[ "$got" = 0 ] || fail "--plain: status $got"
for words in 'muon-017 running' 'epoch 214 of 600: loss 0.2052' \
    'dense_1: dense, 64 inputs, 32 outputs, 2.85 bits a weight' \
    'build 12 for ice40-hx8k-ct256 failed, 8601 LC measured: does not fit' \
    'β ×2 on its schedule' 'no command "nonsense"' '^hello$' 'find: say what' \
    '^beta VALUE | xFACTOR: set' 'save it and leave? y or n' \
    'muon-017 is saved; go on with: bitloom --plain building.lua'; do
    grep -q -e "$words" out || fail "--plain does not say: $words"
done
[ "$(grep -c '^build 12 ' out)" -le 2 ] || fail "--plain says a build twice"
[ "$(grep -c 'muon-017 running' out)" -le 2 ] || fail "--plain repeats itself"
grep -q '[│╭▸●]' out && fail "--plain draws"
"$program" --plain failed.lua </dev/null >out 2>err && fail "--plain: failed is done"
grep -q 'failed' out || fail "--plain: no reason"
got=0
"$program" --plain >out 2>err </dev/null || got=$?
[ "$got" = 2 ] || fail "--plain without a script"
