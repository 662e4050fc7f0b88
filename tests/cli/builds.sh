#!/bin/sh
# builds.sh BITLOOM: several builds at once are what each is alone; those that
# fail say why; the same command goes on; GNU parallel does the same. On a board,
# and proven.
bitloom=$(realpath "$1")
for tool in yosys nextpnr-ice40 icepack verilator; do
    command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LOOM_CACHE="$dir/cache"
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 err out
    bad=1
}
cat >s.lua <<'S'
local data = loom.muon{train = 1000, val = 200, test = 200, target_scale = 64}
loom.train{
  name = "s", data = data, loss = "mse", epochs = 6, batch = 200, lr = 3e-3,
  beta = loom.log{{0, 1e-4}, {6, 1e-2}},
  model = loom.model{input = data.inputs,
    loom.dense{3, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false},
               kernel = {b0 = 2, i0 = 0}},
    loom.dense{1, input = {f0 = 2}, kernel = {b0 = 3, i0 = 1}}},
}
S
"$bitloom" run s.lua --out store -q >out 2>err || fail 'training'
"$bitloom" freeze s-001 --store store -o net.json >out 2>err || fail 'freeze'

# build STATUS ARGS...
build() {
    want=$1
    shift
    "$bitloom" build "$@" --store store >out 2>err
    status=$?
    [ $status = "$want" ] || fail "build $*: status $status, not $want"
}
says() {
    grep -qF -e "$1" "$2" || fail "no '$1' in $2"
}
build 0 s-001 net.json --device hx1k --jobs 2 -o a --json
says '"done":2' out
build 0 net.json --device hx1k -o alone -q
cmp alone/*.bin a/002/*.bin || fail 'not what it is alone'
cp -p a/001/done.json before
build 0 s-001 net.json --device hx1k --jobs 2 -o a
says 'MHz' out
cmp before a/001/done.json || fail 'built again'
[ a/001/done.json -nt before ] && fail 'built again'
build 2 s-001 net.json --device hx8k --jobs 2 -o a
says 'of other builds' err

# ---- one that fails; all points; by hand ------------------------------------
build 1 net.json absent.json --device hx1k --jobs 2 -o b --json
says '"failed":1' out
says 'absent.json' out
points=$("$bitloom" runs show s-001 --out store | grep -c 'epoch-')
build 0 s-001 --points --device hx1k,hx8k --prepare -o p --json
says "\"builds\":$((2 * points))," out
build 0 net.json --device hx1k --prepare -o h
if command -v parallel >/dev/null; then
    parallel sh h/job.sh ::: 1 >out 2>err </dev/null || fail 'GNU parallel'
else
    sh h/job.sh 1
fi
build 0 net.json --device hx1k --prepare -o h --json
says '"done":1' out
cmp h/001/*.bin a/002/*.bin || fail 'by hand it is another'
sh h/job.sh 2 2>err && fail 'a build that there is none of'
says 'no build 2' err

# ---- boards; the netlist proven, and found wrong ----------------------------
build 0 net.json --board icebreaker --interface uart -o ice --json
says '"clock_mhz":12' out
says 'set_io rx 6' ice/pins.pcf
"$bitloom" verify ice --netlist --formal --random 100 --jobs 2 --json -q >out 2>err ||
    fail 'verify'
says '"netlist_mismatches":0' out
says '"failed":0,"unknown":0' out
sed '/module.*dense/,$s/ + / - /' ice/core.v >wrong.v
mv wrong.v ice/core.v
"$bitloom" verify ice --formal --json -q >out 2>err
[ $? = 1 ] || fail 'a wrong core passes'
says '"verdict":"failed"' out
says 'should be' out
build 2 net.json --board nowhere -o w
says 'not known' err
build 2 net.json --board icebreaker --interface stream -o w
says 'no pins' err

# ---- one bit a clock ---------------------------------------------------------
"$bitloom" compile net.json --device hx1k --bit-serial -o bs --json >out 2>err ||
    fail 'compile --bit-serial'
says '"adder_bits"' out
grep -q '"ii":1,' out && fail 'bit-serial: a result every cycle'
"$bitloom" verify bs --netlist --random 20 --json -q >out 2>err || fail 'verify: bit-serial'
says '"mismatches":0' out
says '"netlist_mismatches":0' out
sed 's/ & ~at\[[0-9]*\];/;/' bs/core.v >wrong.v
mv wrong.v bs/core.v
"$bitloom" verify bs --random 20 --json -q >out 2>err
[ $? = 1 ] || fail 'bit-serial: carries that stay pass'
build 2 net.json --board icebreaker --interface uart --bit-serial -o w
says 'bit-serial' err

# ---- wrong use ---------------------------------------------------------------
build 2 net.json --device hx1k,hx9k -o w
says 'hx9k' err
build 2 net.json s-001 -o w
build 2 net.json --jobs 0 --device hx1k -o w
build 2 net.json --jobs 2 --device hx1k -o w --seeds 99
build 2 net.json s-001 --device hx1k -o w --partition x
[ -e w ] && fail 'a folder of builds that are none'
exit $bad
