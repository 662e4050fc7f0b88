#!/bin/sh
# scripts.sh BITLOOM ROOT: what `bitloom run` says to scripts that are wrong, to
# folders that cannot be written, and to being interrupted. Every failure is
# one clear message on standard error with the right exit status.
bitloom=$(realpath "$1") root=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    head -c 3000 "$dir/err"
    bad=1
}

# The start of every script: 6 inputs, 2 classes, a model that fits.
head=$(cat <<'S'
local x = loom.load("x.npy")
local data = loom.data{classes = 2, x_train = x, y_train = loom.load("y.npy"),
                       x_test = x, y_test = loom.load("y.npy")}
local function net(n, m)
  return loom.model{input = n or 6, loom.dense{8, relu = true},
                    loom.dense{m or 2}}
end
local function train(t)
  t.model = t.model or net()
  t.data = t.data or data
  t.batch, t.epochs = t.batch or 50, t.epochs or 2
  return loom.train(t)
end
S
)

# x.npy: 200 rows of 6 bytes; y.npy: 200 of 0 or 1
npy() {
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': $1, }"
}
{ npy '(200, 6)'; head -c 1200 "$root/LICENSE"; } >"$dir/x.npy"
{ npy '(200,)'
  head -c 200 "$root/LICENSE" | tr '\000-\155' '\000' | tr '\001-\377' '\001'
} >"$dir/y.npy"
{ npy '(200, 2)'; head -c 400 "$root/LICENSE"; } >"$dir/two.npy"
{ npy '(100,)'; head -c 100 /dev/zero; } >"$dir/short.npy"

# script STATUS WORDS... (on standard input: what follows the start); OPTIONS in
# $options. The sentence must have all the words.
n=0
script() {
    want=$1
    shift
    n=$((n + 1))
    { echo "$head"; cat; } >"$dir/s$n.lua"
    (cd "$dir" && timeout 60 "$bitloom" run "s$n.lua" --out store -q $options \
        >out 2>err)
    status=$?
    [ $status = "$want" ] || fail "script $n: status $status, not $want"
    for w; do
        grep -qF -e "$w" "$dir/err" || fail "script $n: no '$w'"
    done
    [ "$want" = 0 ] || [ "$(wc -l <"$dir/err")" = 1 ] ||
        fail "script $n: not one line"
    grep -q 'loom\.lua:' "$dir/err" && fail "script $n: a line of the library"
}
first=$(($(echo "$head" | wc -l) + 1))
options=

# ---- it works --------------------------------------------------------------
script 0 <<'S'
local front = train{}
assert(#front > 0 and front[1].score(data) > 0)
S

# ---- wrong scripts ---------------------------------------------------------
script 2 "s2.lua:$first:" 'expected' <<'S'
local = 3
S
script 2 's3.lua:' 'unknown field "epoch"' 'known fields' 'epochs' <<'S'
train{epoch = 3}
S
script 2 "s4.lua:$first:" 'dense' 'unit' 'known fields' <<'S'
loom.dense{8, unit = 3}
S
script 2 "s5.lua:$first:" 'nowhere.npy' 'Looked in' LOOM_DATA <<'S'
loom.find("nowhere.npy")
S
script 2 "s6.lua:$first:" 'nowhere.npy' <<'S'
loom.load("nowhere.npy")
S
script 2 's7.lua:' 'takes 5 inputs' 'has 6' <<'S'
train{model = net(5)}
S
script 2 's8.lua:' 'gives 3 outputs' 'needs 2' <<'S'
train{model = net(6, 3)}
S
script 2 "s9.lua:$first:" 'x_train' 'same rows' <<'S'
loom.data{classes = 2, x_train = x, y_train = loom.load("short.npy")}
S
script 2 "s10.lua:$first:" 'attempt to index a nil value' <<'S'
local t = nil; t.x = 1
S
script 2 "s11.lua:$first:" 'oh no' <<'S'
error("oh no")
S
script 2 'raised a table' <<'S'
error({})
S
script 2 's13.lua:' 'b0' 'dense_0' <<'S'
train{model = loom.model{input = 6, loom.dense{2, kernel = {b0 = "x"}}}}
S
script 2 's14.lua:' 'kernle' <<'S'
train{model = loom.model{input = 6, loom.dense{2, kernle = {}}}}
S
script 2 's15.lua:' 'name' <<'S'
train{model = loom.model{input = 6, loom.dense{2, name = {}}}}
S
script 2 's16.lua:' 'UTF-8' <<'S'
train{model = loom.model{input = 6, loom.dense{2, name = "gr\xf6sse"}}}
S
script 2 "s17.lua:$first:" 'model' <<'S'
loom.model(7)
S
script 2 "s18.lua:$first:" 'log' 'table' <<'S'
loom.log(7)
S
script 2 's19.lua:' 'lr' 'nan' <<'S'
train{lr = 0 / 0}
S
script 2 's20.lua:' 'beta' 'schedule' <<'S'
train{beta = "much"}
S

# ---- schedules that are functions ------------------------------------------
script 2 's21.lua:' 'lr at epoch 2' 'moon' <<'S'
train{lr = function(e) if e > 0 then error("the moon is full") end return 1 end}
S
script 2 's22.lua:' 'lr at epoch 1' 'nil' <<'S'
train{lr = function(e) end}
S
script 2 's23.lua:' 'beta at epoch 2' '0 or more' <<'S'
train{beta = function(e) return -e end}
S
script 2 's24.lua:' 'beta at epoch 1' 'table' <<'S'
train{beta = function(e) error({}) end}
S
script 2 's25.lua:' 'point 2' <<'S'
train{lr = loom.linear{{0, 1}, {0 / 0, 1}}}
S

# ---- numbers that run away -------------------------------------------------
script 1 's26.lua:' 'not a number' 'learning rate' <<'S'
train{lr = 1e38, epochs = 50,
      model = loom.model{input = 6, loom.dense{2, bias = {overflow = "WRAP"}}}}
S

# ---- what a script may do with what it has ---------------------------------
# The data set is used after the script has let go of it.
script 0 <<'S'
do
  local d = loom.muon{train = 200, val = 50, test = 50, target_scale = 64}
  loom.train{data = d, epochs = 1, batch = 50, loss = "mse",
             model = loom.model{input = d.inputs, loom.dense{1}}}
end
for _ = 1, 3 do collectgarbage() end
S
# A network scored on data of another kind.
script 2 's28.lua:' 'score' <<'S'
local front = train{}
front[1].score(loom.data{x_test = x, y_test = loom.load("two.npy")})
S

# ---- settings --------------------------------------------------------------
options='--set epohcs=3'
script 2 's29.lua:' 'epohcs' 'it has: depth, epochs' <<'S'
train{epochs = loom.option("epochs", 2), batch = loom.option("depth", 50)}
S
options='--set epochs=many'
script 2 "s30.lua:$first:" 'epochs=many' 'number' <<'S'
train{epochs = loom.option("epochs", 2)}
S
options='--set fast=1'
script 2 's31.lua:' 'fast=1' 'true or false' <<'S'
train{epochs = loom.option("fast", true) and 1 or 2}
S
options='--set epochs'
script 2 'key=value' <<'S'
train{}
S
options='--epochs 0'
script 2 '--epochs' <<'S'
train{}
S
options='--seed x'
script 2 '--seed' <<'S'
train{}
S
options='--resume nothing-001'
script 2 'nothing-001' <<'S'
train{}
S
options=

# ---- no script -------------------------------------------------------------
(cd "$dir" && "$bitloom" run nowhere.lua --out store >out 2>err)
[ $? = 2 ] && grep -q nowhere.lua "$dir/err" || fail 'a script that is not there'
(cd "$dir" && "$bitloom" run . --out store >out 2>err)
[ $? = 2 ] || fail 'a folder for a script'
(cd "$dir" && "$bitloom" run x.npy --out store >out 2>err)
[ $? = 2 ] && grep -q x.npy "$dir/err" || fail 'a data file for a script'

# ---- functions, tables, what cuts off: exact in integers, and without Lua ---
script 0 <<'S'
local model = loom.model{
  input = {2, 3}, loom.hard_tanh{f0 = 4}, loom.dense{4},
  loom.softmax{axes = {1}}, loom.dense{4}, loom.hard_sigmoid{f0 = 5},
  loom.softmax{stable = false}, loom.dense{4},
  loom.gelu{output = {i0 = 1}}, loom.flatten{},
  loom.map{math.sin, from = -3, to = 3, points = 65, name = "sin"},
  loom.minimum{of = {"sin", "flatten_0"}}, loom.dense{2}}
assert(#loom.train{name = "tables", model = model, data = data, epochs = 1,
                   batch = 50} == 1)
S
(cd "$dir" && timeout 60 "$bitloom" eval tables-001 --store store --exact \
    >out 2>&1) &&
    grep -q ' 0 of ' "$dir/out" || { cat "$dir/out"; fail "a script's function"; }

# A function for each connection: exact, down to the Verilog.
script 0 <<'S'
local model = loom.model{input = 6,
  loom.lut_dense{4, hidden = 3, each = {f0 = 1}, table = {f0 = 2}},
  loom.lut_dense{2, each = {f0 = 1}, table = {f0 = 2}}}
train{name = "lut", model = model, epochs = 4}
S
(cd "$dir" && "$bitloom" eval lut-001 --store store --exact >out 2>err) &&
    grep -q ' 0 of ' "$dir/out" || { cat "$dir/out"; fail 'lut_dense'; }
if command -v verilator >/dev/null; then
    (cd "$dir" && "$bitloom" verify lut-001 --store store --device hx8k --json \
        >out 2>err) && grep -q '"mismatches": *0[,}]' "$dir/out" ||
        fail 'lut_dense in Verilog'
fi

# All quantizers as HGQ's first version has them, but for those that cut off.
script 0 <<'S'
local model = loom.model{
  input = 6, semantics = "v1", loom.hard_tanh{f0 = 4},
  loom.dense{8, relu = true, kernel = {per = "channel"}},
  loom.dense{4, bias = false, kernel = {round = "S_RND"}},
  loom.dense{2, semantics = "v2", kernel = {adapt = true}}}
assert(#loom.train{name = "first", model = model, data = data, epochs = 2,
                   batch = 50} > 0)
S
(cd "$dir" && timeout 60 "$bitloom" eval first-001 --store store --exact \
    >out 2>&1) &&
    grep -q ' 0 of ' "$dir/out" || { cat "$dir/out"; fail "semantics v1"; }

script 2 'map: the function gave nil for -8, not a number' <<'S'
loom.map{function(x) end}
S

# ---- losses and metrics ----------------------------------------------------
script 0 <<'S'
local weighed = loom.data{classes = 2, class_weight = "balanced", x_train = x,
                           y_train = loom.load("y.npy")}
for _, metric in ipairs{"auc", "class_accuracy"} do
  local front = train{name = metric, data = weighed, loss = "hinge",
                      metric = metric}
  assert(front[1].metric == front[1].score(weighed, "val"))
end
train{name = "huber", loss = "huber", metric = "mae", outlier_cut = 1,
      huber_delta = 0.5, model = net(),
      data = loom.data{x_train = x, y_train = loom.load("two.npy"),
                       x_test = x, y_test = loom.load("two.npy")}}
S
evaluates() {
    name=$1
    shift
    (cd "$dir" && "$bitloom" eval "$name-001" --store store --data x.npy \
        --labels "$1" --json >out 2>err) || fail "eval $name"
    shift
    for w; do
        grep -q "\"$w\":" "$dir/out" || fail "eval $name: no $w"
    done
}
evaluates auc y.npy loss accuracy class_accuracy auc classes
evaluates huber two.npy loss rms mae outliers
script 2 "s$((n + 1)).lua:$first:" 'loss' '"hinge"' <<'S'
train{loss = "crossentropy"}
S
script 2 "s$((n + 1)).lua:$first:" 'has classes' '"auc"' '"rms"' <<'S'
train{metric = "rms"}
S
script 2 "s$((n + 1)).lua:$first:" 'has classes' '"mse"' <<'S'
train{loss = "mse"}
S

# ---- several metrics, several outputs ---------------------------------------
script 0 <<'S'
train{name = "metrics", metrics = {"auc", "accuracy"}}
S
(cd "$dir" && timeout 60 "$bitloom" run "s$n.lua" --out store --json >out 2>err)
grep -q '"metric":"auc","metrics":{"auc":[0-9.]*,"accuracy":[0-9.]*}' \
    "$dir/out" || fail 'several metrics as JSON'
(cd "$dir" && timeout 60 "$bitloom" run "s$n.lua" --out store >out 2>err)
grep -q 'ep 2/2 .* auc .* accuracy ' "$dir/out" || fail 'several metrics told'
(cd "$dir" && "$bitloom" runs --store store export metrics-001 --csv - >out 2>err)
head -1 "$dir/out" | grep -q ',front,"val_accuracy"$' || fail 'metrics in CSV'
sed -n 2p "$dir/out" | grep -q ',0\.[0-9]*$' || fail 'a metric in CSV'
several='local y = {kind = loom.load("y.npy"), size = loom.load("two.npy")}
local both = loom.data{x_train = x, y_train = y, x_test = x, y_test = y,
                       classes = {kind = 2}, target_scale = {size = 16},
                       class_weight = {kind = "balanced"}}
local net = loom.model{input = 6, loom.dense{8, relu = true, name = "all"},
                       loom.dense{2, name = "size"},
                       loom.dense{2, of = "all", name = "kind"},
                       outputs = {"size", "kind"}}'
{ echo "$several"; cat <<'S'
local front = train{name = "several", data = both, model = net,
                    loss = {size = "huber"}, loss_weight = {size = 0.5},
                    metrics = {"size.mae", "kind.accuracy"},
                    stop = function(s)
  assert(s.metrics["size.mae"] == s.metric)
  assert(s.metrics["kind.accuracy"] > 0.3)
end}
local metric, _, all = front[1].score(both, "val")
assert(front[1].metric == metric and all["size.mae"] == metric)
assert(all["kind.accuracy"] > 0.3 and all["kind.accuracy"] <= 1)
assert(both.output_names[1] == "kind" and both.output_names[2] == "size")
S
} >"$dir/part"
script 0 <"$dir/part"
(cd "$dir" && "$bitloom" eval several-001 --store store --exact --json \
    --out z.npy >out 2>err) || fail 'several outputs: eval'
for w in '"metric":"size.mae"' '"mismatches":0' '"kind":{' '"size":{' '"rms":'; do
    grep -qF "$w" "$dir/out" || fail "several outputs: eval: no $w"
done
mv "$dir/out" "$dir/kept"
(cd "$dir" && "$bitloom" eval several-001 --store store --exact --json --data x.npy \
    --labels kind=y.npy --labels size=two.npy >out 2>err) || fail 'labels by outputs'
sed 's/"model":"[^"]*",//' "$dir/out" >"$dir/by_output"
(cd "$dir" && "$bitloom" eval several-001 --store store --exact --json --data x.npy \
    --labels size=two.npy --labels kind=y.npy >out 2>err) || fail 'labels in any order'
sed 's/"model":"[^"]*",//' "$dir/out" | cmp - "$dir/by_output" || fail 'another score'
kind='s/.*"metrics":{"kind"://; s/,"size":.*//'
[ "$(sed "$kind" "$dir/kept")" = "$(sed "$kind" "$dir/by_output")" ] ||
    fail 'labels by outputs: not the score of the rows that were kept'
for l in '--labels kind=y.npy' '--labels kind=y.npy --labels kind=y.npy' \
    '--labels kind=two.npy --labels size=y.npy' '--labels kind=y.npy --labels z=y.npy'; do
    # shellcheck disable=SC2086
    (cd "$dir" && "$bitloom" eval several-001 --store store --data x.npy $l >out 2>err)
    [ $? = 2 ] && grep -q 'output' "$dir/err" || fail "labels: $l: $(cat "$dir/err")"
done
head -c 128 "$dir/z.npy" | grep -qF '(200, 4)' || fail 'several outputs: z.npy'
(cd "$dir" && "$bitloom" compile several-001 --store store --device hx8k -o rtl >out 2>err) ||
    fail 'several outputs: compile'
grep -q 'y\[[0-9:]*\] size\[1\]: ' "$dir"/rtl/*.v &&
    grep -q 'y\[[0-9:]*\] kind\[0\]: ' "$dir"/rtl/*.v ||
    fail 'several outputs: ports'
(cd "$dir" && "$bitloom" eval rtl/net.json --data x.npy --out y4.npy >out 2>err &&
    cmp y4.npy z.npy) || fail 'several outputs: the frozen network'
(cd "$dir" && "$bitloom" eval rtl/net.json --data x.npy --labels y.npy >out 2>err)
grep -q 'does not say what it is for' "$dir/err" ||
    fail 'several outputs: labels for a frozen network'
echo "$head
$several
loom.train{data = both, model = net, metric = 'kind.auc'}" >"$dir/data.lua"
(cd "$dir" && "$bitloom" data data.lua >out 2>err) || fail 'several outputs: data'
for w in 'output kind:' 'output size:' 'class'; do
    grep -qF "$w" "$dir/out" || fail "several outputs: data: no $w"
done
(cd "$dir" && "$bitloom" data data.lua --json >out 2>err)
grep -q '"more_outputs":\[{"output":"size","targets":' "$dir/out" ||
    fail 'several outputs: data --json'
for wrong in \
    'train{data = both, metric = "kind.auc"}/the network has 1 output' \
    'train{data = both, model = net}/kind.accuracy' \
    'train{data = both, model = net, metric = "kind"}/"OUTPUT.accuracy"' \
    'train{data = both, model = net, metric = "size.auc"}/has targets' \
    'train{data = both, model = net, metric = "size.rms", loss = "mse"}/by outputs' \
    'train{data = both, model = net, metric = "size.rms", loss = {sise = "mse"}}/"sise"' \
    'train{metrics = {}}/list of metrics' \
    'train{metrics = {"auc", "auc", "auc", "auc", "auc"}}/at most 4' \
    'train{metric = "auc", metrics = {"auc"}}/either' \
    'train{model = net}/the network has 2 outputs' \
    'loom.model{input = 6, loom.dense{2}, outputs = {"a", "b"}}/"a"' \
    'loom.model{input = 6, loom.dense{2, name = "a"}, outputs = "a"}/two or more' \
    'loom.data{x_train = x, y_train = {a = x}}/2 to 8' \
    'loom.data{x_train = x, y_train = {a = x, b = x}, classes = 2}/by outputs' \
    'loom.data{x_train = x, y_train = y, y_test = {kind = x}, x_test = x}/both'; do
    { echo "$several"; echo "${wrong%%/*}"; } >"$dir/part"
    script 2 "${wrong#*/}" <"$dir/part"
done

# ---- optimizers, schedules, targets ----------------------------------------
script 0 <<'S'
for _, optimizer in ipairs{loom.adam{amsgrad = true, clip_norm = 1},
                           loom.adamw{}, loom.sgd{nesterov = true}} do
  train{optimizer = optimizer}
end
train{lr = loom.one_cycle{top = 1e-2, epochs = 2},
      beta = loom.pid{target = 100, warmup = 1,
                      start = loom.linear{{0, 1e-7, "log"}, {1, 1e-6}}}}
train{lr = loom.cosine{from = 1e-2, cycle = 3, alpha = 0.1, flat = 1,
                       rest = 1e-5}, beta = loom.dual{target = 100, start = 0}}
S
script 2 'sgd: unknown field "beta1"' 'momentum' <<'S'
loom.sgd{beta1 = 0.9}
S
script 2 "s$((n + 1)).lua:" 'loom.adamw' <<'S'
train{optimizer = "adam"}
S
script 2 "s$((n + 1)).lua:" '"momentum"' 'from 0 to 1' <<'S'
train{optimizer = loom.sgd{momentum = 2}}
S
script 2 "s$((n + 1)).lua:$first:" 'pid' '"target"' <<'S'
loom.pid{}
S
script 2 "s$((n + 1)).lua:" '"start"' 'schedule' <<'S'
train{beta = loom.dual{target = 9, start = "low"}}
S
script 2 "s$((n + 1)).lua:" 'linear: point 2' '"smooth"' <<'S'
loom.linear{{0, 1}, {1, 2, "cubic"}}
S

# ---- the end before the last epoch -----------------------------------------
script 0 <<'S'
local asked = 0
train{name = "asked", epochs = 9, stop = function(s)
  asked = asked + 1
  assert(s.epoch == asked and s.metric >= 0 and s.ebops > 0 and s.lr > 9e-4)
  return s.epoch == 3
end}
assert(asked == 3)
train{name = "patient", epochs = 500, beta = 1, lr = 3e-2,
      stop = {patience = 5, ebops = 200}}
S
(cd "$dir" && timeout 60 "$bitloom" run "s$n.lua" --out store --json >out 2>err)
for reason in script patience; do
    grep -q "\"event\":\"stop\",\"epoch\":[0-9]*,\"reason\":\"$reason\"" \
        "$dir/out" || fail "a stop by $reason"
done
grep -q '"event":"epoch","epoch":4,"epochs":9' "$dir/out" &&
    fail 'a stopped training goes on'
script 2 "s$((n + 1)).lua:$first: stop at epoch 1: " "s$((n + 1)).lua:$((first + 1)): oh no" <<'S'
train{stop = function()
  error("oh no") end}
S
script 2 "s$((n + 1)).lua:$first:" '"rollback"' <<'S'
train{collapse = "panic"}
S
script 2 "s$((n + 1)).lua:$first:" 'stop' '"patiens"' 'patience' <<'S'
train{stop = {patiens = 3}}
S
script 2 "s$((n + 1)).lua:$first:" 'stop' '"metric"' 'one of' <<'S'
train{stop = {patience = 3, metric = "auc"}}
S
script 2 "s$((n + 1)).lua:$first:" '"when"' <<'S'
train{stop = {when = 3}}
S

# ---- nothing half-written --------------------------------------------------
find "$dir/store" -name '*.tmp*' | grep . && fail 'temporary files are left'
exit $bad
