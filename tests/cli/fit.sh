#!/bin/sh
# fit.sh BITLOOM ROOT: a small network is trained, built and found to fit; the
# same search goes on where it was left; what cannot fit is said plainly.
bitloom=$(realpath "$1") root=$2
for tool in yosys nextpnr-ice40 icepack verilator; do
    command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export LOOM_CACHE="$dir/cache"
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 "$dir/err"
    bad=1
}
npy() {
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': $1, }"
}
{ npy '(300, 6)'; head -c 1800 "$root/LICENSE"; } >"$dir/x.npy"
{ npy '(300,)'
  head -c 300 "$root/LICENSE" | tr '\000-\155' '\000' | tr '\001-\377' '\001'
} >"$dir/y.npy"
cat >"$dir/s.lua" <<'S'
local x = loom.load("x.npy"):scale(1 / 128, 0)
local data = loom.data{classes = 2, x_train = x, y_train = loom.load("y.npy"),
                       x_test = x, y_test = loom.load("y.npy")}
loom.train{
  name = "s", data = data, batch = 50, epochs = loom.option("epochs", 12), lr = 0.02,
  beta = loom.log{{0, 1e-6}, {12, 1e-3}},
  model = loom.model{input = 6, loom.dense{8, relu = true}, loom.dense{2}},
}
S

# fit STATUS ARGS...
fit() {
    want=$1
    shift
    (cd "$dir" && "$bitloom" fit "$@" --store store -q >out 2>err)
    status=$?
    [ $status = "$want" ] || fail "fit $*: status $status, not $want"
}
says() {
    grep -qF -e "$1" "$dir/$2" || fail "no '$1' in $2: $(head -c 2000 "$dir/$2")"
}

fit 0 s.lua --device hx1k -o a --json
says '"outcome":"fits"' out
says '"schema":"bitloom/fit/1"' out
[ -s "$dir"/a/s-001-*/build.json ] || fail 'no build is kept'
runs=$(ls "$dir/store" | grep -c '^s-')
fit 0 s.lua --device hx1k -o a
says 'fits ice40-hx1k-tq144' out
[ "$(ls "$dir/store" | grep -c '^s-')" = "$runs" ] || fail 'trained again'
fit 2 s.lua --device hx8k -o a
says 'of another search' err
fit 0 s-001 --device hx1k -o b --builds 2
says 'fits ice40-hx1k-tq144' out
fit 1 s-001 --device hx1k -o c --lut4 3
says 'nothing fits ice40-hx1k-tq144' err
fit 2 s-009 --device hx1k -o d
says 's-009' err
fit 2 s.lua
says '--device' err
fit 2 s.lua --device hx1k --rounds 0
says '--rounds 0: expected a whole number' err
exit $bad
