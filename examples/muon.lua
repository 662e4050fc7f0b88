-- Muon tracks: seven layers of strips in, the track's angle in mrad out.
-- The third task of the HGQ paper (arXiv 2405.00645) with tracks simulated
-- here, so it runs at once, anywhere.

local data = loom.muon{
  train = 100000, val = 10000, test = 10000, seed = 1,
  -- The network computes the angle in units of 64 mrad: in hardware that is
  -- only the place of the binary point.
  target_scale = 64,
}

-- Strips are one bit: k0 = 0 says that they carry no sign, and i0 = 1, f0 = 0
-- that they are 0 or 1. `trained = false` keeps it so.
local strips = {k0 = 0, i0 = 1, f0 = 0, trained = false}
-- Everything else begins with more bits than it will need.
local inner = {i0 = 2, f0 = 5}

local model = loom.model{
  input = data.inputs,
  loom.dense{16, relu = true, input = strips, kernel = {b0 = 4, i0 = -2}},
  loom.dense{12, relu = true, input = inner, kernel = {b0 = 6, i0 = 1}},
  loom.dense{8, relu = true, input = inner, kernel = {b0 = 6, i0 = 1}},
  loom.dense{1, input = inner, kernel = {b0 = 7, i0 = 1}},
}

local epochs = loom.option("epochs", 120)

-- Learning rate by epoch: level at first, while bits melt, then half a cosine.
local function lr(epoch)
  local t = math.max(0, 2 * epoch / epochs - 1)
  return 1e-5 + 1.5e-3 * (1 + math.cos(math.pi * t))
end

local front = loom.train{
  name = "muon", model = model, data = data,
  loss = "mse",
  outlier_cut = 30, -- mrad; the metric is the rms of the errors below it
  batch = loom.option("batch", 512), epochs = epochs,
  lr = lr,
  -- The price of one effective bit operation rises, and bits melt away.
  beta = loom.log{{0, 2e-7}, {epochs / 2, loom.option("beta", 2.5e-5)}},
  device = "hx8k",
}

print("   EBOPs    test rms  beyond 30 mrad")
for _, point in ipairs(front) do
  local rms, outliers = point.score(data, "test")
  print(("%8.0f  %5.2f mrad  %.2f %%"):format(point.ebops, rms,
    100 * outliers))
end
