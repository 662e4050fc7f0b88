-- Muon tracks through three stations of strips: the network of the HGQ paper
-- (arXiv 2405.00645) for the thin-gap chambers of ATLAS, with tracks simulated
-- here. 3, 2 and 2 layers of 50 strips, a bit each, in; the angle in mrad out.
-- A small convolution finds where each station was hit; what one station says of
-- the next is a map of 50 x 50 in which only strips that a track can join have
-- weights; the maps are added station by station. examples/muon.lua is the small
-- network for the same data that fits an iCE40.
--
-- 30 epochs, some minutes, reach 6.9 mrad at 287,000 EBOPs, and the error still
-- falls; the paper's 60,000 epochs reach 1.9 to 2.8 mrad. With a beta of 2e-8
-- (--set beta=2e-8) it ends at the same error and 348,000 EBOPs.

local data = loom.muon{
  train = loom.option("rows", 100000), val = 10000, test = 10000, seed = 1,
  target_scale = 64, -- the network computes in units of 64 mrad
}

-- Errors count in units of 64 mrad, and so beta and gamma are 64 * 64 times
-- smaller than the paper's, which counts mrad.
local gamma = 5e-10
local strips = {k0 = 0, i0 = 1, f0 = 0, trained = false} -- one bit each
local inner = {i0 = 2, f0 = 6, l1 = gamma}
local kernel = {b0 = 8, i0 = 1, l1 = gamma}

-- A map between two stations: strips at most `reach` apart.
local function band(reach)
  local mask = {}
  for i = 1, 50 do
    mask[i] = {}
    for j = 1, 50 do
      mask[i][j] = math.abs(i - j) <= reach and 1 or 0
    end
  end
  return mask
end

local layers = {}
local function add(layer)
  layers[#layers + 1] = layer
end
local function map(name, of, reach)
  add(loom.dense{50, name = name, of = of, bias = false, mask = band(reach),
    input = inner, kernel = kernel})
end
local function sum(name, ...)
  add(loom.add{name = name .. "_sum", of = {...}, input = inner})
  add(loom.tanh{name = name, input = {i0 = 2, f0 = 5, l1 = gamma}})
end

add(loom.input{"M1", 3, 50})
add(loom.input{"M2", 2, 50})
add(loom.input{"M3", 2, 50})
for k = 1, 3 do
  add(loom.quantize{of = "M" .. k, k0 = 0, i0 = 1, f0 = 0, trained = false})
  add(loom.permute{axes = {2, 1}}) -- [strip][layer]
  add(loom.conv1d{1, size = 3, padding = "same", bias = false, input = strips,
    kernel = kernel})
  add(loom.flatten{name = "station" .. k})
end
-- A track of 250 mrad moves by 13 strips from station to station.
map("m12", "station1", 13)
sum("joined2", "m12", "station2")
map("m23", "joined2", 13)
map("m13", "station1", 26)
sum("joined3", "m23", "m13", "station3")
-- No batch norms, which the paper has: statistics of 128 rows (the paper's are of
-- 16,384) shake an angle by some percent; with them the loss of training is 0.042
-- after 16 epochs, not 0.017.
for _, units in ipairs({28, 14, 8}) do
  add(loom.dense{units, relu = true, input = inner, kernel = kernel})
end
add(loom.dense{1, input = inner, kernel = kernel})

local epochs = loom.option("epochs", 30)

local front = loom.train{
  name = "tgc", model = loom.model(layers), data = data, loss = "mse",
  outlier_cut = 30, -- mrad; the metric is the rms of the errors below it
  batch = loom.option("batch", 128), epochs = epochs,
  lr = loom.cosine{from = 3e-3, cycle = epochs, floor = 1e-5},
  -- The price of one effective bit operation rises, and bits melt away.
  beta = loom.log{{0.5 * epochs, 1e-9}, {epochs, loom.option("beta", 1e-6)}},
}

print("   EBOPs    test rms  beyond 30 mrad")
for _, point in ipairs(front) do
  local rms, outliers = point.score(data, "test")
  print(("%8.0f  %5.2f mrad  %.2f %%"):format(point.ebops, rms,
    100 * outliers))
end
