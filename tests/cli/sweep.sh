#!/bin/sh
# sweep.sh BITLOOM: variants of a script, here and by hand, give what each gives
# alone; a sweep that was killed or has failed goes on.
bitloom=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 err out
    bad=1
}
cat >s.lua <<'S'
local width = loom.option("width", 4)
if width == 9 and not loom.option("nine", false) then error("nine is too many") end
local data = loom.muon{train = 2000, val = 300, test = 300, target_scale = 64}
loom.train{
  name = "s", data = data, loss = "mse", epochs = loom.option("epochs", 6),
  batch = 200, lr = 3e-3, autosave = 0.1, beta = loom.option("beta", 1e-6),
  model = loom.model{input = data.inputs,
    loom.dense{width, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false}},
    loom.dense{1, input = {f0 = 5}}},
}
S

# sweep STATUS ARGS...
sweep() {
    want=$1
    shift
    "$bitloom" sweep "$@" >out 2>err
    status=$?
    [ $status = "$want" ] || fail "sweep $*: status $status, not $want"
}
says() {
    grep -qF -e "$1" "$2" || fail "no '$1' in $2"
}
# The epochs of a run, but for the seconds.
epochs() {
    "$bitloom" runs export "$1" --csv - --out "$2" | cut -d, -f1-7
}

# ---- here --------------------------------------------------------------------
sweep 0 s.lua --set width=3,4 --set beta=1e-6,1e-5 --seeds 2 --jobs 2 -o a \
    --store store --json
says '"variants":8' out
says '"done":8' out
"$bitloom" runs ls --out store --json >runs
[ "$(grep -o '"id": *"s-00[0-9]"' runs | sort -u | wc -l)" = 8 ] ||
    fail "not 8 runs: $(cat runs)"
"$bitloom" run s.lua --set width=3 --set beta=1e-5 --seed 2 --out alone -q
tag=$(realpath a)/004
id=$("$bitloom" runs ls --tag "sweep:$tag" --out store --json |
    grep -o '"id": *"[^"]*"' | head -n 1 | cut -d'"' -f4)
epochs "$id" store >one.csv
epochs s-001 alone >two.csv
cmp one.csv two.csv || fail "$id is not what the variant gives alone"
for f in alone/s-001/epoch-*.loom; do
    cmp "$f" "store/$id/${f##*/}" || fail "$id: another ${f##*/} than alone"
done
sweep 0 s.lua --set width=3,4 --set beta=1e-6,1e-5 --seeds 2 -o a --store store -q
"$bitloom" runs ls --out store --json >again
cmp runs again || fail 'the same sweep once more changed the store'
sweep 2 s.lua --set width=3,5 -o a --store store
says 'of another sweep' err

# ---- a variant that fails, then does not ------------------------------------
sweep 1 s.lua --set width=3,9 -o b --store store
says 'nine is too many' out
sweep 1 s.lua --set width=3,9 -o b --store store --json
says '"failed":1' out

# ---- killed ------------------------------------------------------------------
"$bitloom" sweep s.lua --set width=5,6 --set epochs=800 -o c --store store \
    --jobs 2 -q >out 2>err &
pid=$!
for _ in $(seq 1 100); do
    sleep 0.1
    [ -s c/001/s-001/last.loom ] && break
done
kill -9 $pid
wait $pid 2>/dev/null
sleep 1
[ -e c/001/done.json ] && echo 'ended before it was killed'
sweep 0 s.lua --set width=5,6 --set epochs=800 -o c --store store --jobs 2
"$bitloom" run s.lua --set width=5 --set epochs=800 --out alone -q
for f in alone/s-002/epoch-*.loom; do
    cmp "$f" "c/001/s-001/${f##*/}" ||
        fail "killed and continued: another ${f##*/}"
done

# ---- by hand -----------------------------------------------------------------
sweep 0 s.lua --set width=3,4 -o d --store store --prepare
says 'd/job.sh NUMBER' out
for k in 1 2; do
    sh d/job.sh $k || fail "job.sh $k"
done
sweep 0 s.lua --set width=3,4 -o d --store store --prepare --json
says '"done":2' out
sh d/job.sh 3 2>err && fail 'a task that there is none of'
says 'no task 3' err
echo >>s.lua
rm d/001/done.json
sh d/job.sh 1 2>err && fail 'a changed script'
says 'has changed since' err

# ---- wrong use ---------------------------------------------------------------
sweep 2
sweep 2 none.lua -o e
sweep 2 s.lua --seeds 0
sweep 2 s.lua --partition x
sweep 2 s.lua --set width -o e
sweep 2 s.lua --set "width=$(printf '\377')" -o e
says 'UTF-8' err
exit $bad
