#!/bin/sh
# kill.sh BITLOOM [N]: a run killed (kill -9) at N random instants, 20 without it
# (200 with LOOM_NIGHTLY=1), is readable after each, keeps every epoch that it
# has told and every file of its front, and ends as the run that nobody killed.
# Where it ends earlier, it begins anew.
bitloom=$1
kills=${2:-${LOOM_NIGHTLY:+200}}
kills=${kills:-20}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 "$dir/err"
    bad=1
}
cat >"$dir/s.lua" <<'S'
local data = loom.muon{train = 2000, val = 400, test = 400, target_scale = 64}
loom.train{
  name = "s", data = data, loss = "mse", outlier_cut = 30, epochs = 150,
  batch = 200, autosave = 0.02, lr = loom.cosine{from = 3e-3, cycle = 150},
  beta = function(e) return 1e-6 * (1 + e) end,
  model = loom.model{input = data.inputs,
    loom.dense{8, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false}},
    loom.dense{1, input = {f0 = 5}}},
}
S

# The epochs of a store, without what differs from run to run: the time.
epochs() {
    "$bitloom" runs export s-001 --csv - --out "$1" | cut -d, -f1-7
}

# What a kill may not have broken.
look() {
    if [ -e "$dir/parts/bitloom.db" ] && command -v sqlite3 >/dev/null; then
        said=$(sqlite3 "$dir/parts/bitloom.db" 'PRAGMA integrity_check' 2>&1)
        [ "$said" = ok ] || fail "kill $1: the store: $said"
    fi
    for f in "$dir"/parts/s-001/*.loom; do
        [ -e "$f" ] || continue
        "$bitloom" ebops "$f" >/dev/null 2>"$dir/err" || fail "kill $1: $f"
    done
    told=$(grep -c '"event":"epoch"' "$dir/out")
    last=$(sed -n 's/.*"event":"epoch","epoch":\([0-9]*\).*/\1/p' "$dir/out" |
        tail -n 1)
    [ "$told" = 0 ] || epochs "$dir/parts" 2>"$dir/err" | grep -q "^$last," ||
        fail "kill $1: epoch $last was told and is not in the store"
    [ -e "$dir/parts/s-001" ] || return
    "$bitloom" runs show s-001 --out "$dir/parts" 2>"$dir/err" |
        sed -n 's/.* \(epoch-[0-9]*\.loom\).*/\1/p' >"$dir/front"
    while read -r f; do
        [ -e "$dir/parts/s-001/$f" ] || fail "kill $1: $f of the front is lost"
    done <"$dir/front"
}

# To the end: the weights, epochs and files of the run that nobody killed.
finish() {
    "$bitloom" run "$dir/s.lua" --out "$dir/parts" --resume s-001 -q \
        >/dev/null 2>"$dir/err" || fail 'going on to the end'
    for d in whole parts; do
        epochs "$dir/$d" >"$dir/$d.csv"
        "$bitloom" runs show s-001 --out "$dir/$d" | grep '^weights' \
            >"$dir/$d.weights" || fail 'no hash of the weights'
        (cd "$dir/$d/s-001" && ls) >"$dir/$d.files"
    done
    for what in csv weights files; do
        cmp "$dir/whole.$what" "$dir/parts.$what" || fail "$what differ"
    done
    for f in "$dir"/whole/s-001/epoch-*.loom; do
        cmp "$f" "$dir/parts/s-001/${f##*/}" || fail "${f##*/} differs"
    done
    ends=$((ends + 1))
    rm -rf "$dir/parts"
}

"$bitloom" run "$dir/s.lua" --out "$dir/whole" -q >/dev/null 2>"$dir/err" ||
    fail 'the whole run'
k=0 ends=0
while [ $k -lt "$kills" ]; do
    resume=
    [ -e "$dir/parts/s-001/last.loom" ] && resume='--resume s-001'
    [ -z "$resume" ] && rm -rf "$dir/parts"
    # shellcheck disable=SC2086
    "$bitloom" run "$dir/s.lua" --out "$dir/parts" $resume --json \
        >"$dir/out" 2>"$dir/err" &
    pid=$!
    sleep "0.$(printf %03d $((30 + $(od -An -N2 -tu2 /dev/urandom) % 250)))"
    if kill -9 $pid 2>/dev/null; then
        wait $pid 2>/dev/null
        k=$((k + 1))
        look $k
    else
        wait $pid || fail 'a run that ended by itself'
        finish
    fi
done
[ -e "$dir/parts/s-001/last.loom" ] && finish
[ $ends -gt 0 ] || fail 'no run has come to its end'
echo "$k kills, $ends runs brought to their end"
exit $bad
