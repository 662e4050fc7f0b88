#!/bin/sh
# rerun.sh BITLOOM: a run made again from its row has the same weights, wherever
# one stands and whatever has become of its script; what cannot be made again is
# refused with a sentence.
bitloom=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/work" "$dir/else" && cd "$dir/work" || exit 1
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 "$dir/out" "$dir/err"
    bad=1
}
cat >s.lua <<'S'
#!/usr/bin/env bitloom
local data = loom.data{x = loom.load("rows.csv"), y = 3, classes = 2}
for k = 1, 2 do
  loom.train{
    name = "s", data = data, epochs = loom.option("epochs", 9), batch = 16,
    lr = 1e-2 * k, beta = loom.option("beta", 1e-6),
    model = loom.model{input = data.inputs, loom.dense{4, relu = true},
                       loom.dense{2}},
  }
end
S
awk 'BEGIN { for (k = 0; k < 300; k++)
    print (k * 37 % 100) / 100 "," (k * 53 % 90) / 90 "," (k * 37 % 100 > 40) }' \
    >rows.csv

# again STATUS ID OPTIONS...
again() {
    want=$1
    shift
    "$bitloom" runs rerun "$@" --out "$dir/store" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$want" ] || fail "rerun $*: status $status, not $want"
}
says() {
    grep -qF -e "$1" "$2" || fail "no '$1' in $2"
}

"$bitloom" run s.lua --set beta=1e-5 --seed 7 --epochs 5 --threads 2 \
    --out ../store --json >"$dir/out" 2>"$dir/err" || fail 'the run'
weights=$(sed -n 's/.*"event":"done".*"weights":"\([0-9a-f]*\)".*/\1/p' "$dir/out")
[ ${#weights} = 16 ] || fail 'no hash of the weights'
"$bitloom" runs show s-002 --out ../store --json | grep -q "$weights" ||
    fail 'the hash is not in the store'

# ---- the same bits -----------------------------------------------------------
echo 'error("not this one")' >s.lua
cd "$dir/else" || exit 1
again 0 s-002 --json --threads 3
says '"same":true' "$dir/out"
says "\"weights\":\"$weights\"" "$dir/out"
says '"again":"s-004"' "$dir/out"
cd "$dir" || exit 1
again 0 s-001
says 's-001 again as s-005: the same weights' "$dir/out"
"$bitloom" runs show s-005 --out store | grep -q 's-001 made again' ||
    fail 's-005 does not say what it is'
grep -q s-006 "$dir/out" && fail 'it trained on after the run asked for'
again 0 s-005
if command -v sqlite3 >/dev/null; then
    sqlite3 store/bitloom.db \
        "UPDATE runs SET weights = '0123456789abcdef' WHERE id = 's-001'"
    again 1 s-001
    says '0123456789abcdef' "$dir/err"
    sqlite3 store/bitloom.db \
        "UPDATE runs SET version = '0.0.1' WHERE id = 's-002'"
    again 2 s-002
    says 'bitloom 0.0.1' "$dir/err"
fi

# ---- what cannot be ----------------------------------------------------------
cp work/rows.csv rows.csv
echo '0.5,0.5,1' >>work/rows.csv
again 2 s-005
says 'other data' "$dir/err"
rm work/rows.csv
again 2 s-005
says 'rows.csv' "$dir/err"
cp rows.csv work/rows.csv
again 2 s-9
says 'no run of this name' "$dir/err"
again 2 s-005 --threads 0
again 2
cat >work/s.lua <<'S'
error("too early")
S
"$bitloom" run work/s.lua --out store >"$dir/out" 2>"$dir/err" && fail 'it ran'
cat >work/s.lua <<'S'
local data = loom.data{x = loom.load("rows.csv"), y = 3, classes = 2}
loom.train{name = "bad", data = data, epochs = 3, lr = 1e36,
  model = loom.model{input = data.inputs, loom.dense{2}}}
S
"$bitloom" run work/s.lua --out store >"$dir/out" 2>"$dir/err" && fail 'it ran'
again 2 bad-001
says 'has not come to its end' "$dir/err"
exit $bad
