#!/bin/sh
# cli_train.sh BITLOOM: small trainings through the whole program. The number of
# threads changes no bit; two trainings share a store; one that is killed is
# seen as lost and can be removed.
bitloom=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    bad=1
}
cat >"$dir/small.lua" <<'S'
local data = loom.muon{train = 3000, val = 500, test = 500, seed = 1,
                       target_scale = 64}
local bit = {k0 = 0, i0 = 1, f0 = 0, trained = false}
local model = loom.model{
  input = data.inputs,
  loom.dense{8, relu = true, input = bit, kernel = {b0 = 4, i0 = 0}},
  loom.dense{1, input = {f0 = 5}, kernel = {b0 = 6, i0 = 1}},
}
loom.train{name = "small", model = model, data = data, loss = "mse",
           batch = 300, epochs = loom.option("epochs", 4), lr = 2e-3,
           beta = 1e-6}
S

# train FOLDER OPTIONS...
train() {
    to=$1
    shift
    "$bitloom" run "$dir/small.lua" --out "$dir/$to" -q "$@" \
        >"$dir/$to.out" 2>&1 ||
        { fail "run $*"; cat "$dir/$to.out"; }
}

# epochs FOLDER ID: all columns but the seconds
epochs() {
    "$bitloom" runs export "$2" --csv - --out "$dir/$1" | cut -d, -f1-7,9
}

train one --threads 1
train three --threads 3 &
train three --threads 2 &
wait
epochs one small-001 >"$dir/want"
[ "$(wc -l <"$dir/want")" = 5 ] || fail 'four epochs and a header'
for id in small-001 small-002; do
    epochs three $id | cmp - "$dir/want" || fail "$id: threads change the result"
done

# Killed once its first epochs are in the store.
"$bitloom" run "$dir/small.lua" --out "$dir/killed" --set epochs=2000 -q \
    --threads 2 >/dev/null 2>&1 &
pid=$!
for _ in $(seq 1 100); do
    sleep 0.1
    "$bitloom" runs show small-001 --out "$dir/killed" 2>/dev/null |
        grep -q '^epochs  *[3-9]' && break
done
kill -9 $pid
wait $pid 2>/dev/null
"$bitloom" runs --out "$dir/killed" | grep -q lost || fail 'a killed run is lost'
"$bitloom" runs rm small-001 --out "$dir/killed" || fail 'rm of a lost run'
[ -d "$dir/killed/small-001" ] && fail 'rm leaves its folder'
exit $bad
