-- MNIST: a handwritten digit of 28x28 pixels, averaged to 14x14, in; which
-- digit it is, out. Small enough for an iCE40 HX8K.

local function images(name)
  return loom.load(loom.find("mnist/" .. name .. "-images-idx3-ubyte.gz"))
    :average_pool(28, 28, 2):scale(1 / 256)
end

local function labels(name)
  return loom.load(loom.find("mnist/" .. name .. "-labels-idx1-ubyte.gz"))
end

local data = loom.data{
  name = "mnist", classes = 10, val = 0.1,
  x_train = images("train"), y_train = labels("train"),
  x_test = images("t10k"), y_test = labels("t10k"),
}

-- Pixels begin with two bits each, 0 to 3/4, and lose what they do not need.
local pixels = {k0 = 0, i0 = 0, f0 = 2}

local model = loom.model{
  input = data.inputs,
  loom.dense{24, relu = true, input = pixels, kernel = {b0 = 3, i0 = 0}},
  loom.dense{24, relu = true, input = {f0 = 3}, kernel = {b0 = 3, i0 = 0}},
  loom.dense{10, input = {f0 = 3}, kernel = {b0 = 3, i0 = 0}},
}

local epochs = loom.option("epochs", 100)

local front = loom.train{
  name = "mnist", model = model, data = data,
  batch = loom.option("batch", 512), epochs = epochs,
  lr = loom.cosine{from = loom.option("lr", 5e-3), cycle = epochs,
                   floor = 1e-5},
  beta = loom.log{{0, loom.option("beta", 1e-6)},
                  {epochs, loom.option("beta_end", 3e-5)}},
  device = "hx8k",
}

print("   EBOPs   test")
for _, point in ipairs(front) do
  print(("%8.0f  %5.2f %%"):format(point.ebops,
    100 * point.score(data, "test")))
end
