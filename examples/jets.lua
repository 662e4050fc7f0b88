-- Jet tagging: 16 features of a jet in, one of five kinds of jets out.
-- The network of the HGQ paper (arXiv 2405.00645): 16-64-32-32-5.
--   --set data=32k    the 32,000 simulated jets that come with bitloom
--   --set data=full   all 415,880 of jets_sim, where they are (see loom.find)

local full = loom.option("data", loom.find("jets_sim/x_train.npy", true) and
  "full" or "32k") == "full"

local data
if full then
  data = loom.data{
    name = "jets_sim", classes = 5, standardize = true, val = 0.1,
    x_train = loom.load(loom.find("jets_sim/x_train.npy")),
    y_train = loom.load(loom.find("jets_sim/y_train.npy")),
    x_test = loom.load(loom.find("jets_sim/x_test.npy")),
    y_test = loom.load(loom.find("jets_sim/y_test.npy")),
  }
else
  -- Features are stored standardized, as 16-bit integers times 1024.
  local file = loom.find("jets_32k.npz")
  data = loom.data{
    name = "jets_32k", classes = 5, val = 0.1,
    x_train = loom.load(file, "x_train"):scale(1 / 1024),
    y_train = loom.load(file, "y_train"),
    x_test = loom.load(file, "x_test"):scale(1 / 1024),
    y_test = loom.load(file, "y_test"),
  }
end

-- Where they are: 1,024 real jets, already standardized.
local real_x = loom.find("jets1024/x_f32.npy", true)
local real = real_x and loom.data{
  name = "jets1024", classes = 5, x_test = loom.load(real_x),
  y_test = loom.load(loom.find("jets1024/y_u8.npy")),
}

-- Few bits to begin with, since melting many takes most of the time: weights of
-- 2 bits below 1, data of 3 + 2 bits.
local kernel = {b0 = 2, i0 = 0}
local bits = {i0 = 3, f0 = 2}

local model = loom.model{
  input = data.inputs,
  loom.dense{64, relu = true, input = bits, kernel = kernel},
  loom.dense{32, relu = true, input = bits, kernel = kernel},
  loom.dense{32, relu = true, input = bits, kernel = kernel},
  loom.dense{5, input = bits, kernel = kernel},
}

local epochs = loom.option("epochs", 400)

-- Level at first, while bits melt, then half a cosine.
local lr = loom.smooth{{0.5 * epochs, 5e-3}, {epochs, 1e-6}}

local front = loom.train{
  name = "jets", model = model, data = data,
  batch = loom.option("batch", full and 2048 or 256), epochs = epochs, lr = lr,
  -- The price of one effective bit operation.
  beta = loom.option("beta", full and 5e-6 or 1e-5),
  device = "hx8k",
}

print("   EBOPs     test" .. (real and "  real jets" or ""))
for _, point in ipairs(front) do
  print(("%8.0f  %5.2f %%%s"):format(point.ebops,
    100 * point.score(data, "test"),
    real and ("    %5.2f %%"):format(100 * point.score(real, "test")) or ""))
end
