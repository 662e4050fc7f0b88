-- Four ways to spend bits under one budget of LUT4s, on the jets that come with
-- bitloom and one small network, each built in the end:
--
--   uniform  the same bits for all of the network
--   OHQ      bits a layer (arXiv 2309.01945): what a layer costs at b bits is
--            synthesized, what it harms is the divergence of the network's
--            answers when it alone has b bits, and an exact knapsack chooses
--   AMED     bits a layer (arXiv 2205.15437): a walk that trains a little after
--            each move and learns scores from loss and cells
--   HGQ      bits a weight, trained (arXiv 2405.00645): loom.train
--
-- Minutes; what Yosys has made once is known the next time.
--   --set budget=2500  LUT4s    --set device=hx8k
--   --set scale=0.1    a tenth of the epochs    --set small=true  a tiny network

local option = loom.option
local device, budget = option("device", "hx8k"), option("budget", 2500)
local scale, seed = option("scale", 1), option("seed", 1)
local small, moves = option("small", false), option("moves", 24)
local choices, most = {2, 3, 4, 5}, 8

-- ---- the task -------------------------------------------------------------

local file = loom.find("jets_32k.npz")
local function array(name)
  return loom.load(file, name)
end
local data = loom.data{
  name = "jets_32k", classes = 5, val = 0.1,
  x_train = array("x_train"):scale(1 / 1024), y_train = array("y_train"),
  x_test = array("x_test"):scale(1 / 1024), y_test = array("y_test"),
}
local sizes = small and {4, 5} or {16, 12, 5}
local names = {"a", "b", "c"}

local function epochs(n)
  return math.max(1, math.floor(n * scale + 0.5))
end

local function rates(n)
  return loom.smooth{{0.4 * n, 4e-3}, {n, 1e-5}}
end

-- The network with so many bits for the weights of each layer and for what it
-- reads, each in a range of its own that is trained; 0: the layer is masked.
local function layered(bits)
  local t = {input = data.inputs}
  for k, units in ipairs(sizes) do
    local b = bits[k]
    t[k] = loom.dense{units, name = names[k], relu = k < #sizes,
      kernel = {type = "kbi", per = "tensor", overflow = "SAT_SYM", b0 = b,
        b = {b, b}, i0 = 1},
      input = {type = "kbi", per = "tensor", overflow = "SAT",
        b0 = math.max(b, 2), b = {math.max(b, 2), math.max(b, 2)}, i0 = 2}}
  end
  return loom.model(t)
end

local function all(b)
  local bits = {}
  for k = 1, #sizes do
    bits[k] = b
  end
  return bits
end

local function words(bits)
  return table.concat(bits, "-")
end

local function new(bits, from)
  return loom.net{model = layered(bits), data = data, from = from, seed = seed}
end

local function train(n, count)
  return n:train{epochs = count, lr = rates(count), beta = 0, batch = 256}
end

local function measured(n)
  return n:cells{device = device, measured = true}
end

-- ---- the table ------------------------------------------------------------

local results = {}

-- Build a strategy's network; `began` is when it was begun.
local function finish(name, n, began, what)
  local searched = os.time() - began
  local predicted = n:cells{device = device}
  local r = n:build{device = device}
  results[#results + 1] = {name, what, 100 * n:score(data, "test"),
    n:ebops(), predicted.lut4, r.cells.lut4, r.cells.lc, r.fmax_mhz,
    r.latency_ns, searched, os.time() - began - searched}
  print(("%s: %.2f %%, %d LUT4, %.1f MHz"):format(name,
    results[#results][3], r.cells.lut4, r.fmax_mhz))
end

-- ---- uniform ---------------------------------------------------------------

-- All strategies but HGQ go on from the weights of this one.
local base_began = os.time()
local base = train(new(all(most)), epochs(60))
local base_seconds = os.time() - base_began

local began, uniform = os.time(), nil
for _, b in ipairs(choices) do
  local n = train(new(all(b), base), epochs(60))
  local cells = measured(n)
  print(("uniform, %d bits: %.2f %% of the validation rows, %d LUT4"):format(b,
    100 * n:score(data, "val"), cells.lut4))
  if cells.lut4 > budget then
    break
  end
  uniform = {net = n, bits = b}
end
if not uniform then
  error(("no network of %d bits has at most %d LUT4"):format(choices[1], budget))
end
finish("uniform", uniform.net, began - base_seconds, tostring(uniform.bits))

-- ---- OHQ -------------------------------------------------------------------

-- The bits of each layer with the least harm within the budget, exactly:
-- best[c] is the least harm of the layers so far that cost c together.
local function knapsack(cost, harm, limit)
  local best = {[0] = {harm = 0, bits = {}}}
  for k = 1, #cost do
    local with = {}
    for spent, so_far in pairs(best) do
      for b, c in pairs(cost[k]) do
        local sum, h = spent + c, so_far.harm + harm[k][b]
        local old = with[sum]
        if sum <= limit and (not old or h < old.harm) then
          local bits = table.move(so_far.bits, 1, k - 1, 1, {})
          bits[k] = b
          with[sum] = {harm = h, bits = bits}
        end
      end
    end
    best = with
  end
  local least
  for spent, found in pairs(best) do
    if not least or found.harm < least.harm or
      (found.harm == least.harm and spent < least.spent) then
      least = {harm = found.harm, spent = spent, bits = found.bits}
    end
  end
  return least
end

-- What each layer costs at each number of bits: synthesized.
began = os.time()
local cost, harm, around = {}, {}, 0
for k = 1, #sizes do
  cost[k], harm[k] = {}, {}
end
for _, b in ipairs(choices) do
  local cells = measured(new(all(b), base))
  around = cells.lut4
  for k = 1, #sizes do
    cost[k][b] = cells.layers[names[k]].lut4
    around = around - cost[k][b]
  end
end

-- What it harms: the answers of the network with these bits in that layer alone.
for k = 1, #sizes do
  local bits = all(most)
  bits[k] = 0
  local line = {("masked %.2f"):format(base:kl(new(bits, base), "train", 1024))}
  for _, b in ipairs(choices) do
    bits[k] = b
    harm[k][b] = base:kl(new(bits, base), "train", 1024)
    line[#line + 1] = ("%d bits %d LUT4 %.4f"):format(b, cost[k][b], harm[k][b])
  end
  print(("OHQ, layer %s: %s"):format(names[k], table.concat(line, ", ")))
end

-- Cells fall and rise with the weights: what training makes of the choice is
-- counted, and the budget of the next one corrected.
local limit, ohq = budget - around, nil
for _ = 1, 4 do
  local chosen = knapsack(cost, harm, limit)
  if not chosen then
    break
  end
  local n = train(new(chosen.bits, base), epochs(60))
  local cells = measured(n)
  print(("OHQ: %s, ~%d LUT4, %d in fact"):format(words(chosen.bits),
    chosen.spent + around, cells.lut4))
  if cells.lut4 <= budget then
    ohq = {net = n, bits = chosen.bits}
    break
  end
  limit = math.floor(chosen.spent * (budget - around) / (cells.lut4 - around))
end
if ohq then
  finish("OHQ", ohq.net, began - base_seconds, words(ohq.bits))
end

-- ---- AMED ------------------------------------------------------------------

-- Scores for each number of bits of each layer; a move draws from their softmax
-- and is accepted as published, min(1, p(new) / p(old)); then the network
-- trains a little, and what loss and cells have become moves the scores.
began = os.time()
math.randomseed(seed)
local score, bits = {}, {}
for k = 1, #sizes do
  score[k] = {}
  for b in pairs(cost[k]) do
    score[k][b] = 0
  end
  bits[k] = uniform.bits
end

local function draw(s)
  local sum, p = 0, {}
  for _, b in ipairs(choices) do
    p[b] = math.exp(s[b])
    sum = sum + p[b]
  end
  local r = math.random() * sum
  for _, b in ipairs(choices) do
    r = r - p[b]
    if r < 0 then
      return b, p
    end
  end
  return choices[#choices], p
end

local function spend(of)
  local sum = around
  for k, b in ipairs(of) do
    sum = sum + cost[k][b]
  end
  return sum
end

-- Loss and what the hardware says, here its cells: a result leaves every clock,
-- whatever the bits, so that they cost no time.
local function energy(n, of)
  local _, _, _, loss = n:score(data, "val")
  return loss + 0.1 * spend(of) / budget + math.max(0, spend(of) / budget - 1)
end

local walker = new(bits, base)
train(walker, epochs(4))
local before, best = energy(walker, bits), nil
for move = 1, moves do
  local k = (move - 1) % #sizes + 1
  local b, p = draw(score[k])
  if math.random() <= math.min(1, p[b] / p[bits[k]]) then
    bits[k] = b
  end
  walker = train(new(bits, walker), epochs(4))
  local now = energy(walker, bits)
  score[k][bits[k]] = score[k][bits[k]] + 10 * math.log(before / now, 10)
  before = now
  if spend(bits) <= budget and (not best or now < best.energy) then
    best = {energy = now, bits = table.move(bits, 1, #bits, 1, {}),
      net = walker}
  end
end
while best do
  local n = train(new(best.bits, best.net), epochs(60))
  local cells = measured(n)
  print(("AMED: %s, ~%d LUT4, %d in fact"):format(words(best.bits),
    spend(best.bits), cells.lut4))
  if cells.lut4 <= budget then
    finish("AMED", n, began - base_seconds, words(best.bits))
    break
  end
  -- One bit less where that saves the most cells.
  local at, most
  for k, b in ipairs(best.bits) do
    local saved = cost[k][b - 1] and cost[k][b] - cost[k][b - 1]
    if saved and (not most or saved > most) then
      at, most = k, saved
    end
  end
  if not at then
    break
  end
  best.bits[at] = best.bits[at] - 1
end

-- ---- HGQ -------------------------------------------------------------------

began = os.time()
local layers = {input = data.inputs}
for k, units in ipairs(sizes) do
  layers[k] = loom.dense{units, name = names[k], relu = k < #sizes,
    input = {i0 = 3, f0 = 2}, kernel = {b0 = 4, i0 = 0}}
end
local count = epochs(240)
local front = loom.train{
  name = "strategies", model = loom.model(layers), data = data, batch = 256,
  epochs = count, seed = seed, lr = rates(count), device = device,
  beta = loom.log{{0, 1e-6}, {count, option("beta", 1e-4)}},
}
for k = #front, 1, -1 do
  local n = front[k].net()
  if n:cells{device = device}.lut4 <= budget and
    measured(n).lut4 <= budget then
    finish("HGQ", n, began, "a weight")
    break
  end
end

-- ---- the end ---------------------------------------------------------------

print(("Jets, %s, at most %d LUT4 of %s, harness included:"):format(
  table.concat(sizes, "-"), budget, device))
print("strategy  bits      test %   EBOPs  ~LUT4   LUT4     LC    MHz     ns" ..
  "  search  build")
for _, r in ipairs(results) do
  print(("%-9s %-9s %6.2f  %6.0f %6d %6d %6d %6.1f %6.0f %6d s %4d s"):format(
    table.unpack(r)))
end
