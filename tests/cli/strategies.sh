#!/bin/sh
# strategies.sh BITLOOM ROOT: networks that a script holds do what loom.net says,
# mistakes are told with their line, and the knapsack of examples/strategies.lua
# is exact. With LOOM_NIGHTLY=1 that whole script, on a tiny network.
bitloom=$(realpath "$1") root=$(realpath "$2")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 err out
    bad=1
}

# ---- the knapsack against all of them ---------------------------------------
{
    sed -n '/^local function knapsack/,/^end/p' "$root/examples/strategies.lua"
    cat <<'L'
math.randomseed(7)
for _ = 1, 300 do
  local cost, harm, n = {}, {}, math.random(1, 4)
  for k = 1, n do
    cost[k], harm[k] = {}, {}
    for b = 2, math.random(2, 6) do
      cost[k][b], harm[k][b] = math.random(0, 60), math.random(0, 20) / 4
    end
  end
  local limit, least, spent = math.random(0, 200), math.huge, math.huge
  local function try(k, c, h)
    if k > n then
      if c <= limit and (h < least or h == least and c < spent) then
        least, spent = h, c
      end
      return
    end
    for b in pairs(cost[k]) do
      try(k + 1, c + cost[k][b], h + harm[k][b])
    end
  end
  try(1, 0, 0)
  local got = knapsack(cost, harm, limit)
  assert((got ~= nil) == (least < math.huge))
  if got then
    local c, h = 0, 0
    for k = 1, n do
      c, h = c + cost[k][got.bits[k]], h + harm[k][got.bits[k]]
    end
    assert(h == least and got.harm == h and got.spent == c and c == spent)
  end
end
L
    cat <<'L'
-- ---- networks ----------------------------------------------------------------
local file = loom.find("jets_32k.npz")
local function array(name)
  return loom.load(file, name)
end
local data = loom.data{name = "jets", classes = 5, val = 0.1,
  x_train = array("x_train"):scale(1 / 1024), y_train = array("y_train"),
  x_test = array("x_test"):scale(1 / 1024), y_test = array("y_test")}
local function new(b, from)
  return loom.net{data = data, from = from, model = loom.model{
    input = data.inputs,
    loom.dense{4, relu = true, name = "a", input = {i0 = 3, f0 = 3},
      kernel = {type = "kbi", per = "tensor", overflow = "SAT_SYM", b0 = b,
        b = {b, b}, i0 = 1}},
    loom.dense{5, name = "b"}}}
end
local base = new(8):train{epochs = 2, lr = 5e-3, beta = 0, batch = 256}
local metric, outliers, all, loss = base:score()
assert(metric > 0.5 and loss < 1.4 and outliers == -1 and next(all) == nil)
local again = new(8):train{epochs = 2, lr = 5e-3, beta = 0, batch = 256}
assert(again:kl(base) == 0 and again:score() == metric) -- the same to the bit
local copy = new(8, base)
assert(base:kl(copy) < 1e-3)       -- values, ranges; the widths are the same
local two = new(2, base)
assert(base:kl(two, "train", 500) > 10 * base:kl(copy) and two:kl(two) == 0)
assert(two:ebops() < copy:ebops())
local masked = new(0, base)
assert(base:kl(masked) > base:kl(two))
local many, few = base:cells{device = "hx8k"}, two:cells{device = "hx8k"}
assert(many.lut4 > few.lut4 and few.layers.a.lut4 > 0 and few.lc >= few.lut4 and
  few.latency > 0)
for _, wrong in ipairs{
  {"unknown field", function() base:train{epoch = 1} end},
  {"unknown field", function() base:cells{measure = 1} end},
  {"devices lists", function() base:cells{device = "hx9k"} end},
  {"from", function() new(2, 7) end},
  {"model", function() loom.net{data = data} end},
  {"invalid option", function() base:score(data, "some") end}} do
  local good, message = pcall(wrong[2])
  assert(not good and tostring(message):find(wrong[1], 1, true), message)
end
local front = loom.train{data = data, epochs = 1, batch = 256, name = "n",
  model = loom.model{input = data.inputs, loom.dense{5}}}
local one = front[#front].net()
assert(one:score(data, "test") == front[#front].score(data, "test"))
assert(one:ebops() == front[#front].ebops)
print("all as it should be")
L
} >n.lua
LOOM_DATA=$root/examples/data "$bitloom" run n.lua --out store >out 2>err ||
    fail 'networks in memory'
grep -q 'all as it should be' out err || fail 'no last line'
[ "$(ls store | grep -c '^n-')" = 1 ] || fail 'a network in memory left a run'

# ---- the example ---------------------------------------------------------------
if [ -n "$LOOM_NIGHTLY" ] && command -v yosys nextpnr-ice40 >/dev/null; then
    "$bitloom" run "$root/examples/strategies.lua" --out s --set small=true \
        --set scale=0.1 --set moves=4 --set budget=500 -q >out 2>err ||
        fail 'the example'
    for name in uniform OHQ AMED HGQ; do
        grep -Eq "^$name +[^ ].* [0-9.]+ +[0-9]+ +[0-9]+ +[0-9]+ " out err ||
            fail "no row of $name"
    done
fi
exit $bad
