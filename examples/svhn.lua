-- House numbers: a colour picture of 32x32 in, the digit in its middle out.
-- The convolutional network of the HGQ paper (arXiv 2405.00645), and its
-- recipe where the photographs of SVHN are at hand (bitloom fetch svhn, or
-- train_32x32.mat and test_32x32.mat, looked for by loom.find). Without them it
-- says so and trains a little on pictures drawn here.

local train_file = loom.find("svhn/train_32x32.mat", true)
local real = loom.option("data", train_file and "svhn" or "drawn") == "svhn"

-- X is [row][column][channel][picture] there, and y calls the digit 0 "10".
local function pictures(file)
  return loom.load(file, "X"):permute(4, 1, 2, 3):scale(1 / 256)
end
local function labels(file)
  return loom.load(file, "y"):replace(10, 0)
end

local data
if real then
  local test_file = loom.find("svhn/test_32x32.mat")
  data = loom.data{
    name = "svhn", classes = 10, val = 0.1,
    x_train = pictures(train_file), y_train = labels(train_file),
    x_test = pictures(test_file), y_test = labels(test_file),
  }
else
  print("SVHN is not here: a few thousand digits are drawn in its place")
  local rows = loom.option("rows", 6000)
  data = loom.digits{train = rows, val = rows // 6, test = rows // 3}
end

-- Weights have bits of their own; of activations a whole layer has one width:
-- the positions of a picture take turns in the same hardware (parallel = 1), and
-- EBOPs count it once.
local bits = real and 6 or 4 -- to begin with
local gamma = 2e-6
local kernel = {b0 = bits, i0 = 0, l1 = gamma}
local pixels = {k0 = 0, i0 = 0, f0 = bits, per = "tensor", l1 = gamma}
local inner = {i0 = 2, f0 = bits, per = "tensor", l1 = gamma}

local function conv(filters, input)
  return loom.conv2d{filters, size = 3, relu = true, input = input,
    kernel = kernel, parallel = 1}
end
local function dense(units, relu)
  return loom.dense{units, relu = relu, input = inner, kernel = kernel}
end

local model = loom.model{
  input = {32, 32, 3},
  conv(16, pixels), loom.max_pool2d{2},
  conv(16, inner), loom.max_pool2d{2},
  conv(24, inner), loom.max_pool2d{2},
  loom.flatten{},
  dense(42, true), dense(64, true), dense(10),
}

local epochs = loom.option("epochs", real and 12000 or 24)
local lr, beta
if real then
  lr = loom.cosine{from = 1e-3, cycle = 100, flat = 8, floor = 1.5e-6}
  beta = loom.log{{400 / 12000 * epochs, 1e-7}, {epochs, 1e-5}}
else
  lr = loom.cosine{from = 3e-3, cycle = epochs, floor = 1e-5}
  beta = loom.log{{0, 1e-7}, {0.4 * epochs, 3e-6}}
end

local front = loom.train{
  name = "svhn", model = model, data = data, epochs = epochs, lr = lr,
  batch = loom.option("batch", real and 2048 or 50),
  beta = beta, optimizer = loom.adam{amsgrad = true},
}

print("   EBOPs     test")
for _, point in ipairs(front) do
  print(("%8.0f  %5.2f %%"):format(point.ebops,
    100 * point.score(data, "test")))
end
