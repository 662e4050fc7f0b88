#!/bin/sh
# cli_data.sh BITLOOM: data files from the command line and from scripts: what
# `data` tells of them, training on a csv file with words, a split by a column
# and missing values, and the same rows scored again as they were measured.
bitloom=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
bad=0
fail() {
    echo "FAILED: $*"
    head -c 2000 out err
    bad=1
}

# data STATUS ARGS...: standard output into out, standard error into err
data() {
    want=$1
    shift
    timeout 60 "$bitloom" data "$@" >out 2>err
    status=$?
    [ $status = "$want" ] || fail "data $*: status $status, not $want"
    [ "$want" = 0 ] || [ "$(wc -l <err)" = 1 ] || fail "data $*: not one line"
}
has() {
    for w; do
        grep -qF -e "$w" out err || fail "no '$w'"
    done
}

# Points in and outside a ring; every 50th value of a is missing.
awk 'BEGIN { print "id,a,b,same,part,kind"
    s = 1
    for (i = 0; i < 600; i++) {
        s = (s * 16807) % 2147483647; a = s / 2147483647 * 40 - 20
        s = (s * 16807) % 2147483647; b = s / 2147483647 * 4 + 100
        kind = a * a / 100 + (b - 102) * (b - 102) < 1.5 ? "in" : "out"
        part = i % 10 < 7 ? "train" : i % 10 < 8 ? "val" : "test"
        printf "%d,%s,%.4f,7,%s,%s\n", i, i % 50 == 49 ? "" : sprintf("%.4f", a),
            b, part, kind
    } }' >points.csv
awk -F, 'NR == 1 || ($5 == "test" && $2 != "")' points.csv |
    cut -d, -f2,3,4,6 >test.csv

# ---- data FILE --------------------------------------------------------------
data 0 points.csv --label kind
has '5 features, 600 rows' '12 values' '1 constant' 'in ' 'out ' 'same'
data 0 points.csv --label kind --json
has '"schema":"bitloom/data/1"' '"missing_values":12' '"name":"in"' \
    '"constant_features":1' '"shared_rows":{"train_val":0'
data 0 points.csv
has '6 features, 600 rows: 600 train'
data 2 points.csv --label nothing
has 'points.csv' 'no column "nothing"'
data 2 nowhere.csv
has 'nowhere.csv' 'cannot be read'
data 2 points.csv --label kind --labels points.csv
data 2 points.csv --classes x
data 2
printf 'a,b\n1,2\n3\n' >short.csv
data 2 short.csv
has 'short.csv: line 3: fewer fields'
printf 'a,k\n1,0\n2,7\n' >labels.csv
data 0 labels.csv --label k --classes 2 --json
has '"bad_labels":1'

# ---- data SCRIPT, training, scoring -----------------------------------------
cat >ring.lua <<'S'
local points = loom.load("points.csv")
assert(points.names[6] == "kind" and points.rows == 600)
assert(points:column("b"):scale(2).rows == 600)
local data = loom.data{
  name = "ring", x = points, y = "kind", split = "part", without = {"id"},
  missing = "drop", standardize = true, class_weight = "balanced",
}
loom.train{
  data = data, epochs = 3, batch = 50, beta = 1e-9,
  model = loom.model{input = data.inputs, loom.dense{16, relu = true},
                     loom.dense{2}},
}
S
data 0 ring.lua --json
has '"name":"ring"' '"source":"points.csv"' 'by column part' \
    '12 rows with missing values out' '"standardized":true' \
    '"rows":{"train":420,"val":60,"test":108}'
# A column keeps its words, so that files are matched by them.
cat >columns.lua <<'S'
local t = loom.load("points.csv")
local data = loom.data{x_train = t, y_train = t:column("kind"), missing = "drop",
                       without = {"part", "kind"}, val = 0.5, x_test = t,
                       y_test = t:column("kind")}
loom.train{data = data, epochs = 1,
           model = loom.model{input = data.inputs, loom.dense{2}}}
S
data 0 columns.lua --json
has '"name":"in","rows":{"train":' '"inputs":4' '"test":588'
timeout 60 "$bitloom" run ring.lua --out store -q >out 2>err || fail "run"
timeout 60 "$bitloom" eval store --json >kept 2>err || fail "eval"
timeout 60 "$bitloom" eval store --data test.csv --label kind --raw --exact \
    --json >raw 2>err || fail "eval --raw"
value() {
    sed 's/.*"float_value":\([^,}]*\).*/\1/' "$1"
}
[ -n "$(value kept)" ] && [ "$(value kept)" = "$(value raw)" ] ||
    fail "scores differ: $(value kept), $(value raw)"
grep -q '"samples":108' raw || fail "samples"
timeout 60 "$bitloom" eval store --data test.csv --label nothing 2>err &&
    fail "a label that is not there"
has 'no column "nothing"'
timeout 60 "$bitloom" eval store --data points.csv --label kind 2>err &&
    fail "too many columns"
has 'rows of 5 numbers; the network takes 3'

# A mapped file that is cut short while several threads train on it.
{
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (200000, 4), }"
    head -c 3200000 /dev/zero
} >big.npy
{
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': (200000,), }"
    head -c 200000 /dev/zero
} >labels.npy
cat >cut.lua <<'S'
local x, y = loom.load("big.npy"), loom.load("labels.npy")
local data = loom.data{classes = 2, x_train = x, y_train = y, x_val = x,
                       y_val = y}
os.execute("truncate -s 5000 big.npy")
loom.train{data = data, epochs = 3, batch = 1000,
           model = loom.model{input = 4, loom.dense{2}}}
S
timeout 60 "$bitloom" run cut.lua --threads 2 --out store -q >out 2>err
status=$?
[ $status = 1 ] || fail "a file cut short: status $status"
has 'big.npy: it was changed while its rows were in use'

# ---- scripts that are wrong -------------------------------------------------
n=0
wrong() { # WORDS...: what the sentence must have; standard input: the script
    n=$((n + 1))
    { echo 'local p = loom.load("points.csv")'; cat; } >"w$n.lua"
    timeout 60 "$bitloom" data "w$n.lua" >out 2>err
    status=$?
    [ $status = 2 ] || fail "script $n: status $status"
    [ "$(wc -l <err)" = 1 ] || fail "script $n: not one line"
    for w in "w$n.lua:2:" "$@"; do
        grep -qF -e "$w" err || fail "script $n: no '$w'"
    done
}
wrong 'test row 9, column 0 (a) is nan' <<'S'
loom.data{x = p, y = "kind", split = "part", without = {"id"}}
S
wrong 'no column "colour" in points.csv' <<'S'
loom.data{x = p, y = "colour"}
S
wrong 'no column "x1" in points.csv' <<'S'
loom.data{x = p, y = "kind", without = {"x1"}}
S
wrong 'the shares sum to 1.2' <<'S'
loom.data{x = p, y = "kind", split = {train = 0.9, test = 0.3}}
S
wrong 'element 7 is 600; rows are 0 to 599' <<'S'
loom.data{x = p, y = "kind", split = {train = p:column("id"):scale(1, 593)}}
S
wrong 'row 0 is for "out"; train, val and test are known' <<'S'
loom.data{x = p, y = "a", split = "kind"}
S
wrong 'splits x and y' <<'S'
loom.data{x_train = p, y_train = "kind", split = "part"}
S
wrong 'either x and y, or x_train' <<'S'
loom.data{x = p, y = "kind", x_train = p, y_train = "kind"}
S
wrong 'both are needed' <<'S'
loom.data{x_train = p}
S
wrong 'class_weight' 'a number for each class' <<'S'
loom.data{x = p, y = "kind", missing = "drop", class_weight = {1}}
S
wrong 'weights of classes need training rows with labels' <<'S'
loom.data{x = p, y = "b", missing = "drop", class_weight = "balanced"}
S
wrong 'list of 2 names' <<'S'
loom.data{x = p, y = "kind", missing = "drop", class_names = {"one"}}
S
wrong 'must be "drop"' <<'S'
loom.data{x = p, y = "kind", missing = "mean"}
S
wrong 'delimiter' <<'S'
loom.load("points.csv", {delimiter = "ab"})
S
echo 'x = 1' >none.lua
data 2 none.lua
has 'none.lua: it ends without loom.train'
wrong 'permute' <<'S'
p:permute(1, 1)
S
exit $bad
