-- Muon tracks: seven layers of strips in, the track's angle in mrad out.
-- The third task of the HGQ paper (arXiv 2405.00645) with tracks simulated
-- here, so it runs at once, anywhere.

local data = loom.muon{
  train = 60000, val = 10000, test = 10000, seed = 1,
  -- The network computes the angle in units of 64 mrad: in hardware that is
  -- only the place of the binary point.
  target_scale = 64,
}

-- Strips are one bit: k0 = 0 says that they carry no sign, and i0 = 1, f0 = 0
-- that they are 0 or 1. `trained = false` keeps it so.
local bit = {k0 = 0, i0 = 1, f0 = 0, trained = false}

local model = loom.model{
  input = data.inputs,
  loom.dense{16, relu = true, input = bit, kernel = {b0 = 4, i0 = 0}},
  loom.dense{16, relu = true, input = {f0 = 5}, kernel = {b0 = 4, i0 = 0}},
  loom.dense{1, input = {f0 = 5}, kernel = {b0 = 6, i0 = 1}},
}

local epochs = loom.option("epochs", 60)

local front = loom.train{
  name = "muon", model = model, data = data,
  loss = "mse",
  outlier_cut = 30, -- mrad; the metric is the rms of the errors below it
  batch = 1000, epochs = epochs,
  lr = loom.cosine{from = 5e-3, cycle = epochs, floor = 1e-5},
  -- The price of one effective bit operation, rising: bits melt away.
  beta = loom.log{{0, loom.option("beta", 1e-7)},
                  {epochs, loom.option("beta_end", 3e-6)}},
  device = "hx8k",
}

print("   EBOPs   test rms  beyond 30 mrad")
for _, point in ipairs(front) do
  local rms, outliers = point.score(data, "test")
  print(("%8.0f  %6.2f mrad  %.2f %%"):format(point.ebops, rms,
    100 * outliers))
end
