#!/bin/sh
# export.sh BITLOOM ROOT: what is exported stands on its own: the Verilog
# simulates, a build's folder builds the same bitstream without bitloom, the
# arrays are there, the core file is YAML.
bitloom=$(realpath "$1") root=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LOOM_CACHE=
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 err out
    bad=1
}
cat >s.lua <<'S'
local data = loom.muon{train = 1000, val = 200, test = 200, target_scale = 64}
loom.train{
  name = "s", data = data, loss = "mse", epochs = 4, batch = 200, lr = 3e-3,
  beta = 1e-3,
  model = loom.model{input = data.inputs,
    loom.dense{3, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false},
               kernel = {b0 = 2, i0 = 0}},
    loom.dense{1, input = {f0 = 2}, kernel = {b0 = 3, i0 = 1}}},
}
S
"$bitloom" run s.lua --out store -q >out 2>err || fail 'training'

# export STATUS ARGS...
export_() {
    want=$1
    shift
    "$bitloom" export s-001 --store store "$@" >out 2>err
    status=$?
    [ $status = "$want" ] || fail "export $*: status $status, not $want"
}
has() {
    grep -qF -e "$1" "$2" || fail "no '$1' in $2"
}
export_ 0 --format verilog -o v --json
has '"schema":"bitloom/export/1"' out
if command -v iverilog >/dev/null; then
    (cd v && iverilog -g2005 -s bench -o b bench.v core.v && vvp -n b) >out 2>err
    has 'mismatches 0' out
fi
export_ 0 --format npz -o m.npz
"$bitloom" data m.npz:dense_0/kernel >out 2>err || fail 'the kernel is not there'
export_ 0 --format qonnx -o m.onnx
"$bitloom" import m.onnx -o m.loom >out 2>err || fail 'import of m.onnx'
"$bitloom" eval s-001 --store store --out a.npy >out 2>err || fail 'eval'
"$bitloom" eval m.loom --data store/s-001/test_x.npy --exact --out b.npy >out 2>err &&
    cmp a.npy b.npy || fail 'QONNX and back: other outputs'
head -c 700 m.onnx >cut.onnx
"$bitloom" import cut.onnx -o cut.loom 2>err && fail 'a file that is cut off'
has 'cut.onnx: ' err
[ -e cut.loom ] && fail 'half a network'
export_ 0 --format fusesoc -o f --device up5k
has 'nextpnr_options: [--up5k, --package, sg48' f/*.core
has 'set_io clk 35' f/pins.pcf
if python3 -c 'import yaml' 2>/dev/null; then
    python3 - f/*.core >out 2>err <<'P' || fail 'the core file'
import os, sys, yaml
core = yaml.safe_load(open(sys.argv[1]))
assert "CAPI=2" in open(sys.argv[1]).readline()
assert set(core["targets"]) >= {"sim", "lint", "icestorm", "trellis"}
for t in core["targets"].values():
    for name in t["filesets"]:
        for file in core["filesets"][name]["files"]:
            path = file if isinstance(file, str) else list(file)[0]
            assert os.path.exists(os.path.join(os.path.dirname(sys.argv[1]), path))
P
fi
export_ 2 --format gds -o x
has 'expected verilog' err
export_ 2 --format npz
has '-o' err
"$bitloom" freeze s-001 --store store -o net.json >out 2>err || fail 'freeze'
"$bitloom" export net.json --format npz -o x.npz >out 2>err && fail 'integers only'
has 'needs a checkpoint' err
"$bitloom" export net.json --format qonnx -o x.onnx 2>err && fail 'integers only'
has 'needs a checkpoint' err
[ -e x.npz ] && fail 'half an archive'

# ---- a build's folder, without bitloom --------------------------------------
for tool in yosys nextpnr-ice40 icepack verilator make; do
    command -v $tool >/dev/null || exit $bad
done
"$bitloom" build s-001 --store store --device hx1k -o b -q >out 2>err ||
    fail 'build'
has 'board = icestick' b/apio.ini
mkdir again
cp b/core.v b/serial.v b/pins.pcf b/Makefile again
make -C again >out 2>err || fail 'make'
cmp b/*.bin again/*.bin || fail 'make gives another bitstream'
# apio hands over every file, the bench as well.
yosys -q -p "read_verilog b/bench.v b/core.v b/serial.v; synth_ice40 -top $(
    sed -n 's/^top-module = //p' b/apio.ini) -json all.json" >out 2>err ||
    fail 'all files at once'
exit $bad
