#!/bin/sh
# calibrate.sh BITLOOM: a script trains for a device's cells; networks whose
# cells are counted change the prices; what is wrong is one sentence.
bitloom=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export LOOM_CACHE="$dir/cache" XDG_DATA_HOME="$dir/data"
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 "$dir/err"
    bad=1
}
awk 'BEGIN { print "a,b,c,k"; for (k = 0; k < 200; k++) {
    a = k * 37 % 101; b = k * 53 % 97; c = k * 71 % 89
    print a / 64 "," b / 64 "," c / 64 "," (a + b > c + 60) } }' >"$dir/x.csv"
cat >"$dir/s.lua" <<'S'
local t = loom.load("x.csv")
loom.train{
  name = "s", batch = 50, epochs = 8, lr = 0.01, beta = 1e-5,
  data = loom.data{classes = 2, x = t, y = "k", val = 0.2},
  cost = loom.option("cost", "hx8k"),
  model = loom.model{input = 3, loom.dense{3, relu = true}, loom.dense{2}},
}
S
# bitloom STATUS ARGS...
run() {
    want=$1
    shift
    (cd "$dir" && "$bitloom" "$@" >out 2>err)
    status=$?
    [ $status = "$want" ] || fail "$*: status $status, not $want"
}
says() {
    grep -qF -e "$1" "$dir/$2" || fail "no '$1' in $2: $(head -c 2000 "$dir/$2")"
}

run 0 run s.lua --json
says '"cost_unit":"LC"' out
says '"ebops":' out
run 0 run s.lua --set cost=ebops --json
grep -q cost_unit "$dir/out" && fail 'EBOPs have no other unit'
run 2 run s.lua --set cost=virtex
says 'virtex' err
run 2 calibrate
says 'device' err
run 2 calibrate --device virtex
says 'virtex' err
run 2 bench target
says 'device' err
run 2 bench target --device hx8k --levels 2x
says 'levels' err
run 2 bench target --device hx8k no-such-run
says 'no-such-run' err
echo '2 2  3 5  -7 45' >"$dir/m.txt"
printf 'matrix,best_adders,best_cost_bits\nm,6,60\nn,1,1\n' >"$dir/best.csv"
run 2 bench lut6
says 'MODEL' err
run 2 bench lut6 --levels x s-001
says 'levels' err
run 2 bench cmvm
says 'files' err
run 2 bench cmvm --time 1,x m.txt
says '1,x' err
run 2 bench cmvm --best m.txt m.txt
says 'column' err
run 2 bench kernels m.txt
says 'device' err
run 2 bench cmvm no-such.txt
says 'no-such' err
run 0 bench cmvm --time 0.01,0.05 --best best.csv m.txt
grep -q '^| m  *|      8 |      5 |.*0.833' "$dir/out" || fail "adders: $(cat "$dir/out")"
[ "$(grep -c '^| 0.0[15] |' "$dir/out")" = 2 ] || fail 'no curve'
run 0 bench cmvm --time 0.01 --json m.txt
says '"plain_adders":8' out
grep -q worst_adders "$dir/out" && fail 'nobody knows the fewest'
run 2 calibrate --device hx8k --store empty
says 'no build' err
[ -e "$dir/data/bitloom/cost-ice40.json" ] && fail 'a file without networks'
if command -v yosys >/dev/null && command -v nextpnr-ice40 >/dev/null; then
    run 0 calibrate --device hx8k s-001 s-002 --json
    says '"networks":2' out
    says '"from":"synthesis"' out
    run 0 bench kernels --device hx8k m.txt --json
    says '"greedy":{"adders":' out
    run 0 bench lut6 s-001 --json
    says '"flow":"synthesis only"' out
    grep -q '"lut6":[1-9]' "$dir/out" || fail "no LUTs: $(cat "$dir/out")"
    says '"schema": "bitloom/cost"' data/bitloom/cost-ice40.json
    run 0 run s.lua --json
fi
echo x >"$dir/data/bitloom/cost-ice40.json"
run 2 run s.lua
says 'cost-ice40.json' err
exit $bad
