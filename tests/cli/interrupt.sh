#!/bin/sh
# interrupt.sh BITLOOM: Ctrl-C wherever it comes; a run that was interrupted
# goes on to the very numbers of one that was not; folders that are full or
# may not be written to.
bitloom=$1
dir=$(mktemp -d) || exit 1
trap 'umount "$dir/full" 2>/dev/null; rm -rf "$dir"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 "$dir/err"
    bad=1
}
cat >"$dir/s.lua" <<'S'
local data = loom.muon{train = 4000, val = 500, test = 500, target_scale = 64}
local epochs = loom.option("epochs", 16)
loom.train{
  name = "s", data = data, loss = "mse", outlier_cut = 30, epochs = epochs,
  batch = 200, lr = loom.cosine{from = 3e-3, cycle = epochs},
  beta = function(e) return 1e-6 * (1 + e) end,
  model = loom.model{input = data.inputs,
    loom.dense{8, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false}},
    loom.dense{1, input = {f0 = 5}}},
}
S

# run STATUS ARGS...
run() {
    want=$1
    shift
    "$bitloom" run "$@" -q >"$dir/out" 2>"$dir/err"
    status=$?
    [ "$status" = "$want" ] || fail "run $*: status $status, not $want"
}

# ---- the same numbers ------------------------------------------------------
run 0 "$dir/s.lua" --out "$dir/whole"
"$bitloom" run "$dir/s.lua" --out "$dir/parts" -q >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 0.2
kill -INT $pid
wait $pid
status=$?
[ $status = 130 ] || [ $status = 0 ] || fail "interrupted: status $status"
stops=0
while [ $status = 130 ] && [ $stops -lt 8 ]; do
    stops=$((stops + 1))
    "$bitloom" run "$dir/s.lua" --out "$dir/parts" --resume s-001 -q \
        --threads $((1 + stops % 3)) >"$dir/out" 2>"$dir/err" &
    pid=$!
    sleep 0.$((1 + stops))
    kill -INT $pid 2>/dev/null
    wait $pid
    status=$?
done
[ $status = 0 ] || run 0 "$dir/s.lua" --out "$dir/parts" --resume s-001
for d in whole parts; do
    "$bitloom" runs export s-001 --csv - --out "$dir/$d" |
        cut -d, -f1-7 >"$dir/$d.csv"
done
cmp "$dir/whole.csv" "$dir/parts.csv" || fail "$stops stops: epochs differ"
for f in "$dir"/whole/s-001/epoch-*.loom; do
    cmp "$f" "$dir/parts/s-001/${f##*/}" || fail "$stops stops: ${f##*/} differs"
done
echo "$stops stops, the same bits"

# ---- a changed script ------------------------------------------------------
sed 's/loom.dense{8,/loom.dense{9,/' "$dir/s.lua" >"$dir/wide.lua"
sed 's/train = 4000/train = 9000/' "$dir/s.lua" >"$dir/more.lua"
cp "$dir/parts/s-001/test_x.npy" "$dir/before.npy"
run 2 "$dir/wide.lua" --out "$dir/parts" --resume s-001
grep -q 'layers' "$dir/err" || fail 'another model: no word of layers'
run 2 "$dir/more.lua" --out "$dir/parts" --resume s-001
grep -q 'data' "$dir/err" || fail 'other data: no word of data'
run 2 "$dir/s.lua" --out "$dir/parts" --resume s-001 --seed 9
grep -q 'seed' "$dir/err" || fail 'another seed: no word of it'
sed 's/test = 500/test = 500, seed = 3/' "$dir/s.lua" >"$dir/other.lua"
run 2 "$dir/other.lua" --out "$dir/parts" --resume s-001
grep -q 'data' "$dir/err" || fail 'other rows: no word of data'
cmp "$dir/before.npy" "$dir/parts/s-001/test_x.npy" ||
    fail 'a refused script has changed the run'

# ---- Ctrl-C in a script that computes for ever -----------------------------
# It is sent when the program catches it (a job of a shell ignores it before),
# and the script has had time to begin.
endless() {
    "$bitloom" run "$dir/endless.lua" --out "$dir/parts" -q \
        >"$dir/out" 2>"$dir/err" &
    pid=$!
    until grep -q '^SigCgt:.*[2367abef]$' "/proc/$pid/status"; do
        sleep 0.02
    done
    sleep 0.3
    kill -INT $pid
    for _ in $(seq 1 30); do
        sleep 0.1
        kill -0 $pid 2>/dev/null || break
    done
    kill -9 $pid 2>/dev/null && { fail "goes on for ever: $1"; }
    wait $pid
    status=$?
    [ $status = 130 ] || fail "$1: status $status, not 130"
}
echo 'while true do end' >"$dir/endless.lua"
endless 'a loop'
echo 'while true do pcall(function() while true do end end) end' \
    >"$dir/endless.lua"
endless 'a loop that catches errors'
echo 'local function f() while true do end end
coroutine.wrap(function() while true do pcall(f) end end)()' \
    >"$dir/endless.lua"
endless 'a coroutine that catches errors'
cat >"$dir/endless.lua" <<'S'
local d = loom.muon{train = 4000, val = 500, test = 500, target_scale = 64}
while true do
  pcall(loom.train, {data = d, loss = "mse", epochs = 10000,
    model = loom.model{input = d.inputs, loom.dense{1}}})
end
S
endless 'training again and again'

# ---- folders ---------------------------------------------------------------
: >"$dir/file"
run 1 "$dir/s.lua" --out "$dir/file/store" --set epochs=2
grep -q "$dir/file" "$dir/err" || fail 'a file for a folder: it is not named'
run 2 "$dir/s.lua" --out /proc/store --set epochs=2
grep -q '/proc' "$dir/err" || fail '/proc: it is not named'
mkdir "$dir/full"
if mount -t tmpfs -o size=400k tmpfs "$dir/full" 2>/dev/null; then
    run 1 "$dir/s.lua" --out "$dir/full" --set epochs=400
    grep -q 'space\|full' "$dir/err" || fail 'a full disk: no word of it'
    find "$dir/full" -name '*.tmp*' | grep . && fail 'temporary files are left'
    for f in "$dir"/full/s-001/*.loom; do
        [ -e "$f" ] || continue
        "$bitloom" ebops "$f" >"$dir/out" 2>"$dir/err" || fail "$f is damaged"
    done
else
    echo 'no tmpfs may be mounted here: full disk not tried'
fi
exit $bad
