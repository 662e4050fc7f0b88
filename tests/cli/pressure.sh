#!/bin/sh
# pressure.sh BITLOOM [N]: N builds in a row, 4 without it (100 with
# LOOM_NIGHTLY=1), with too little memory or on a disk that is too small: each
# ends, with the bitstream that it makes in peace, or with one sentence and none.
bitloom=$(realpath "$1")
n=${2:-${LOOM_NIGHTLY:+100}}
n=${n:-4}
for tool in yosys nextpnr-ice40 icepack iverilog unshare; do
    command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
# Mounts of its own, so that a disk can be as small as it should be.
if [ -z "$LOOM_TEST_APART" ]; then
    export LOOM_TEST_APART=1
    for way in -m -rm; do
        unshare $way true 2>/dev/null && exec unshare $way sh "$0" "$bitloom" "$n"
    done
    echo 'no mounts of its own here: skipped'
    exit 77
fi
dir=$(mktemp -d) || exit 1
mkdir "$dir/disk"
trap 'umount "$dir/disk" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
# Without Verilator, whose compiler takes most of a small build.
mkdir bin && ln -s /usr/bin/* bin && rm -f bin/verilator && PATH=$dir/bin
export LOOM_CACHE=
bad=0 done=0 refused=0
fail() {
    echo "FAILED: $*"
    tail -n 5 err out
    bad=1
}
cat >s.lua <<'L'
local data = loom.muon{train = 500, val = 100, test = 100, target_scale = 64}
loom.train{
  name = "s", data = data, loss = "mse", epochs = 3, batch = 100, lr = 3e-3,
  beta = 1e-2,
  model = loom.model{input = data.inputs,
    loom.dense{2, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false},
               kernel = {b0 = 2, i0 = 0}},
    loom.dense{1, input = {f0 = 2}, kernel = {b0 = 2, i0 = 1}}},
}
L
"$bitloom" run s.lua --out store -q >out 2>err || { fail 'training'; exit 1; }
"$bitloom" freeze s-001 --store store -o net.json >out 2>err || fail 'freeze'
# build DIR
build() {
    timeout -s KILL 300 "$bitloom" build net.json --device hx1k -o "$1" -q
}
build peace >out 2>err || { fail 'in peace'; exit 1; }

# judge WORDS DIR STATUS: what a build under pressure came to.
judge() {
    if [ "$3" = 0 ]; then
        done=$((done + 1))
        cmp "$2"/*.bin peace/*.bin || fail "$1: another bitstream"
        return
    fi
    refused=$((refused + 1))
    # 134: the program's own memory; it says so and ends.
    { [ "$3" = 1 ] || { [ "$3" = 134 ] && grep -q 'out of memory' err; }; } ||
        fail "$1: status $3"
    [ "$(grep -c '^bitloom: .' err)" = 1 ] || fail "$1: no sentence, or several"
    for f in "$2"/*.bin "$2"/*.part "$2"/build.json; do
        [ -e "$f" ] && fail "$1: leaves $f"
    done
}
# draw K LO HI: a number, more often a small one; the same for the same K.
draw() {
    awk -v k="$1" -v lo="$2" -v hi="$3" \
        'BEGIN { srand(k); rand(); printf "%d", lo * (hi / lo) ^ rand() }'
}
# An instrumented program has no use for a limit of addresses.
(ulimit -v 300000 && "$bitloom" devices) >/dev/null 2>&1 && addresses=1
k=0
while [ $k -lt "$n" ]; do
    k=$((k + 1))
    if [ $((k % 2)) = 0 ] && [ -n "$addresses" ]; then
        limit=$(draw $k 60000 500000)
        rm -rf memory
        (ulimit -v "$limit" && build memory) >out 2>err
        judge "$limit KiB of memory" memory $?
    else
        limit=$(draw $k 8 2500)
        mount -t tmpfs -o size="${limit}k" none disk || { fail mount; break; }
        TMPDIR=$dir/disk build disk/b >out 2>err
        judge "$limit KiB of disk" disk/b $?
        umount disk || fail 'the disk is still in use'
    fi
done
echo "$done done, $refused refused"
# Neither would say much if it were never so.
[ "$n" -lt 8 ] || { [ $done -gt 0 ] && [ $refused -gt 0 ]; } ||
    fail 'pressure that is none'
exit $bad
