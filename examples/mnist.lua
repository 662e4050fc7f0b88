-- MNIST: a handwritten digit of 28x28 pixels, averaged to 14x14, in; which
-- digit it is, out. Small enough for an iCE40 HX8K.

-- Pixels from 0 to 0.85: rounded to halves they are 0, 1/2 or, rarely, 1, so
-- that most need one bit.
local function images(name)
  return loom.load(loom.find("mnist/" .. name .. "-images-idx3-ubyte.gz"))
    :average_pool(28, 28, 2):scale(0.85 / 256)
end

local function labels(name)
  return loom.load(loom.find("mnist/" .. name .. "-labels-idx1-ubyte.gz"))
end

local data = loom.data{
  name = "mnist", classes = 10, val = 0.1,
  x_train = images("train"), y_train = labels("train"),
  x_test = images("t10k"), y_test = labels("t10k"),
}

local pixels = {k0 = 0, i0 = 0, f0 = 1}
local inner = {i0 = 2, f0 = 4}
local kernel = {b0 = 4, i0 = -1}

local model = loom.model{
  input = data.inputs,
  loom.dense{64, relu = true, input = pixels, kernel = kernel},
  loom.dense{16, relu = true, input = inner, kernel = kernel},
  loom.dense{10, input = inner, kernel = kernel},
}

local epochs = loom.option("epochs", 1200)

-- Learning rate by epoch: level at first, while bits melt, then half a cosine.
local function lr(epoch)
  local t = math.max(0, (epoch / epochs - 0.3) / 0.7)
  return 1e-5 + 2.5e-3 * (1 + math.cos(math.pi * t))
end

local front = loom.train{
  name = "mnist", model = model, data = data,
  batch = loom.option("batch", 2048), epochs = epochs, lr = lr,
  -- The price of one effective bit operation.
  beta = loom.log{{0, 5e-6}, {0.3 * epochs, loom.option("beta", 2.2e-5)}},
  device = "hx8k",
}

print("   EBOPs     test")
for _, point in ipairs(front) do
  print(("%8.0f  %5.2f %%"):format(point.ebops,
    100 * point.score(data, "test")))
end
