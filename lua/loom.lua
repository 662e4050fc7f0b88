-- The script library. `core` (C) does the work; here it gets its words.
local core = ...
local loom = {}

-- Complain at the script's own line, not at this file's.
local fail = core.fail

-- Check a table of named fields against the known ones.
local function fields(what, t, known)
  if type(t) ~= "table" then
    fail(("%s{...} takes a table, not a %s"):format(what, type(t)))
  end
  for key in pairs(t) do
    if known[key] == nil then
      local names = {}
      for name in pairs(known) do
        names[#names + 1] = tostring(name)
      end
      table.sort(names)
      fail(("%s: unknown field \"%s\"; known fields: %s"):format(
        what, tostring(key), table.concat(names, ", ")))
    end
  end
  return t
end

-- ---- settings: --set key=value, or the script's own default --------------

local known_options = {}

-- The value of --set name=..., as the default's type; the default otherwise.
function loom.option(name, default)
  known_options[name] = true
  local text = core.settings[name]
  if text == nil then
    return default
  end
  if type(default) == "number" then
    return tonumber(text) or
      fail(("--set %s=%s: expected a number"):format(name, text))
  elseif type(default) == "boolean" then
    if text ~= "true" and text ~= "false" then
      fail(("--set %s=%s: expected true or false"):format(name, text))
    end
    return text == "true"
  end
  return text
end

-- Called by loom.train: a setting that nobody asked for is a slip.
local function check_options()
  for name in pairs(core.settings) do
    if not known_options[name] then
      local names = {}
      for known in pairs(known_options) do
        names[#names + 1] = known
      end
      table.sort(names)
      fail(("--set %s: this script has no such setting; it has: %s"):format(
        name, #names > 0 and table.concat(names, ", ") or "none"))
    end
  end
end

-- ---- data ----------------------------------------------------------------

-- Path of a data file, looked for beside the script, in the folders of
-- LOOM_DATA, in ../shared/data and in examples/data; fails where it is in none
-- of them, unless `optional`.
function loom.find(name, optional)
  local path, looked = core.find(name)
  if not path and not optional then
    fail(("%s: not found. Looked in %s. Put the file there, or name its " ..
      "folder in the environment variable LOOM_DATA"):format(name, looked))
  end
  return path
end

-- An array from a .npy file, a member of an .npz file, or an IDX file (.gz or
-- not): has .rows, .columns, :scale(factor, offset), :average_pool(h, w, k).
loom.load = core.load

-- A data set from arrays. x_*: [rows][inputs]; y_*: class numbers (classes=n),
-- or targets. Without x_val, the fraction `val` of the training rows, drawn
-- with the seed, becomes the validation part.
function loom.data(t)
  fields("data", t, {
    name = 1, x_train = 1, y_train = 1, x_val = 1, y_val = 1, x_test = 1,
    y_test = 1, classes = 1, features = 1, val = 1, seed = 1,
    standardize = 1, like = 1, unit = 1, target_scale = 1,
  })
  return core.data(t)
end

-- Simulated muon tracks: hit strips in, angle in mrad out.
function loom.muon(t)
  fields("muon", t or {}, {
    train = 1, val = 1, test = 1, seed = 1, efficiency = 1, noise = 1,
    scattering_mrad = 1, max_angle_mrad = 1, target_scale = 1,
  })
  return core.muon(t or {})
end

-- ---- schedules -----------------------------------------------------------

-- Through the points {epoch, value}, ...; constant before and after.
local function ramp(kind)
  return function(t)
    if type(t) ~= "table" then
      fail(("%s{...} takes a table of points, not a %s"):format(kind, type(t)))
    end
    for k, point in ipairs(t) do
      if type(point) ~= "table" or type(point[1]) ~= "number" or
        type(point[2]) ~= "number" then
        fail(("%s: point %d must be {epoch, value}"):format(kind, k))
      end
    end
    return {schedule = "piecewise", interp = kind, points = t}
  end
end
loom.linear = ramp("linear")
loom.log = ramp("log")
loom.steps = ramp("hold")

-- From `from`, a half cosine down to `floor` in `cycle` epochs (the last
-- `flat` of them at floor), again and again, each time `decay` as high.
function loom.cosine(t)
  fields("cosine", t, {from = 1, cycle = 1, decay = 1, floor = 1, flat = 1})
  return {
    schedule = "cosine", from = t.from or 5e-3, cycle = t.cycle or 1e9,
    decay = t.decay or 1.0, floor = t.floor or 1e-6, flat = t.flat or 0,
  }
end

-- ---- models --------------------------------------------------------------

-- A quantizer's fields, in every layer's tables below:
--   type "kif"|"kbi", round, overflow, k0 b0 i0 f0 (at the start),
--   b i f = {lowest, highest}, l1, i_decay, per "element"|"tensor", trained

-- Dense layer of t[1] outputs. input, kernel, bias: quantizer fields;
-- relu = true puts a ReLU behind it; output: a quantizer behind all that.
function loom.dense(t)
  fields("dense", t, {
    [1] = 1, name = 1, relu = 1, input = 1, kernel = 1, bias = 1, output = 1,
  })
  if math.type(t[1]) ~= "integer" or t[1] < 1 then
    fail("dense: the first value must be the number of outputs, 1 or more")
  end
  return {kind = "dense", conf = t}
end

local function add_dense(list, name, t)
  local function add(kind, suffix, conf)
    list[#list + 1] = {kind = kind, name = name .. suffix, conf = conf}
  end
  add("quantize", "/iq", t.input or {})
  -- Biases saturate unless told otherwise: a wrapping one would be rounded
  -- anew, to another grid, each time a point of the front is calibrated.
  local bias = {overflow = "SAT_SYM"}
  for key, value in pairs(t.bias or {}) do
    bias[key] = value
  end
  add("dense", "", {units = t[1], kernel = t.kernel, bias = bias})
  if t.relu then
    add("relu", "/relu", {})
  end
  if t.output then
    add("quantize", "/oq", t.output)
  end
end

-- A chain of layers: loom.model{input = n, loom.dense{...}, ...}
function loom.model(t)
  if type(t) ~= "table" or math.type(t.input) ~= "integer" then
    fail("model: field \"input\" must be the number of inputs")
  end
  local list = {{kind = "input", name = "x", conf = {n = t.input}}}
  local count = 0
  for key, layer in pairs(t) do
    if math.type(key) ~= "integer" and key ~= "input" then
      fail(("model: unknown field \"%s\"; known fields: input and a list " ..
        "of layers"):format(tostring(key)))
    elseif key ~= "input" and
      (type(layer) ~= "table" or layer.kind ~= "dense") then
      fail(("model: item %d is no layer"):format(key))
    end
  end
  for _, layer in ipairs(t) do
    add_dense(list, layer.conf.name or ("dense_" .. count), layer.conf)
    count = count + 1
  end
  if count == 0 then
    fail("model: there are no layers")
  end
  return {layers = list}
end

-- ---- training ------------------------------------------------------------

-- Train, and return the front: a list of points {epoch, metric, ebops,
-- score = function(data, part)}, by rising EBOPs.
function loom.train(t)
  fields("train", t, {
    name = 1, model = 1, data = 1, loss = 1, batch = 1, epochs = 1, seed = 1,
    lr = 1, beta = 1, outlier_cut = 1, device = 1, autosave = 1,
  })
  check_options()
  if type(t.model) ~= "table" or not t.model.layers then
    fail("train: field \"model\" must come from loom.model{...}")
  end
  core.train(t)
  local front = {}
  for k = 1, math.huge do
    local point = core.point(k)
    if not point then
      break
    end
    -- Metric and share of outliers on a part ("train", "val", "test").
    function point.score(data, part)
      return core.score(k, data, part or "test")
    end
    front[k] = point
  end
  return front
end

return loom
