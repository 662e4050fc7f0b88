-- Jets with a table for each connection in the place of weights (HGQ-LUT), or
-- with weights, to compare: what both need on an iCE40 is in the README.
--   --set tables=false   two layers of weights, 32 and 16 wide
--   --set width=16       outputs of the first layer
-- On the 32,000 simulated jets that come with bitloom.

local tables = loom.option("tables", true)
local width = loom.option("width", tables and 8 or 32)
local epochs = loom.option("epochs", 80)

local file = loom.find("jets_32k.npz")
local data = loom.data{
  name = "jets_32k", classes = 5, val = 0.1,
  x_train = loom.load(file, "x_train"):scale(1 / 1024),
  y_train = loom.load(file, "y_train"),
  x_test = loom.load(file, "x_test"):scale(1 / 1024),
  y_test = loom.load(file, "y_test"),
}

local bits = {i0 = 3, f0 = 2}

local function layer(n, relu)
  if tables then
    return loom.lut_dense{n, hidden = 4, input = bits,
      each = {i0 = 3, f0 = 1},   -- what of the input a table reads
      table = {i0 = 2, f0 = 3}}  -- what it gives
  end
  return loom.dense{n, relu = relu, input = bits, kernel = {b0 = 2, i0 = 0}}
end

local model = tables and
  loom.model{input = data.inputs, layer(width), layer(5)} or
  loom.model{input = data.inputs, layer(width, true), layer(16, true), layer(5)}

local front = loom.train{
  name = tables and "jets_tables" or "jets_weights", model = model, data = data,
  batch = 256, epochs = epochs, device = "hx8k",
  lr = loom.smooth{{0.5 * epochs, 5e-3}, {epochs, 1e-5}},
  beta = loom.option("beta", 4e-5),
}

print("   EBOPs     test")
for _, point in ipairs(front) do
  print(("%8.0f  %5.2f %%"):format(point.ebops,
    100 * point.score(data, "test")))
end
