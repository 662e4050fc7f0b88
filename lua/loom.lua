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

-- The fields of b over those of a.
local function over(a, b)
  local t = {}
  for _, from in ipairs({a, b or {}}) do
    for key, value in pairs(from) do
      t[key] = value
    end
  end
  return t
end

-- Of fields that are tables by outputs, a table for each output, in a list and
-- by its name.
local function by_output(what, t, list, names)
  local of = {}
  for k, name in ipairs(names) do
    of[k] = {output = name}
    of[name] = of[k]
  end
  for field in pairs(list) do
    if t[field] ~= nil and type(t[field]) ~= "table" then
      fail(("%s: field \"%s\" must be a table by outputs: {%s = ...}"):format(
        what, field, names[1]))
    end
    for name, value in pairs(t[field] or {}) do
      if not of[name] then
        fail(("%s: field \"%s\": no output is named \"%s\"; there are %s")
          :format(what, field, tostring(name), table.concat(names, ", ")))
      end
      of[name][field] = value
    end
  end
  return of
end

-- ---- data ----------------------------------------------------------------

-- Scripts that run at once in one process share what they make of data, if it
-- is made the same way. How it was made is a text: what was called, with which
-- values, where arrays and data sets stand for how they were made themselves.
local recipes = setmetatable({}, {__mode = "k"})

local function recipe(value)
  if type(value) == "table" then
    local parts = {}
    for key, v in pairs(value) do
      parts[#parts + 1] = recipe(key) .. "=" .. recipe(v)
    end
    table.sort(parts)
    return "{" .. table.concat(parts, ",") .. "}"
  elseif type(value) == "string" or type(value) == "number" then
    return ("%q"):format(value)
  end
  return recipes[value] or tostring(value)
end

local function shared(name, make)
  if not core.shares then
    return make
  end
  return function(...)
    local how = recipe{name, ...}
    local made = core.share(how, make, ...)
    recipes[made] = how
    return made
  end
end

-- ... and must not end each other.
if core.shares then
  function os.exit()
    fail("os.exit: other runs are in this process; return from the script")
  end
end

for _, t in ipairs{core, core.methods} do
  for _, name in ipairs{"load", "data", "muon", "digits", "scale", "column",
    "replace", "permute", "average_pool"} do
    t[name] = t[name] and shared(name, t[name])
  end
end

-- Path of a data file, looked for beside the script, in the folders of
-- LOOM_DATA, in its data/, in ../shared/data and where bitloom fetch puts it;
-- fails where it is in none of them, unless `optional`.
function loom.find(name, optional)
  local path, looked = core.find(name)
  if not path and not optional then
    fail(("%s: not found. Looked in %s. Put the file there, or name its " ..
      "folder in the environment variable LOOM_DATA"):format(name, looked))
  end
  return path
end

-- An array from a data file: .npy, .npz, .csv, .arff, .h5, .mat, IDX. Of those
-- that hold several, a member's name or path follows, or FILE:MEMBER is given:
--   loom.load("a.npz", "x")   loom.load("a.h5:/train/x")
--   loom.load("a.csv", {header = false, delimiter = ";"})
-- It has .rows, .columns, .names (of columns), and gives new arrays by
--   :scale(factor, offset)   :replace(old, new)   :column(name or number)
--   :permute(axis, ...)      :average_pool(height, width, size)
loom.load = core.load

-- A data set from arrays. x*: [rows][inputs]; y*: class numbers (classes = n),
-- targets, or a column of x by its name or number, which may hold words. Either
-- x_train, y_train and so on, or x, y and
--   split = {train = 0.7, val = 0.1, test = 0.2}, drawn with `seed`
--   split = {train = array of row numbers from 0, ...}
--   split = a column of x that says train, val, test (or 0, 1, 2)
-- Where there is no validation part, the fraction `val` of the training rows,
-- drawn with `seed`, becomes it.
--   without = {columns of x that are no features}
--   missing = "drop": leave rows with missing values out
--   class_weight = "balanced", or {a number for each class}: in training
-- For a network of several outputs, y* and all that is about them are tables by
-- the names of its outputs:
--   y = {kind = labels, angle = targets}, classes = {kind = 5}
function loom.data(t)
  local per_output = {y = 1, y_train = 1, y_val = 1, y_test = 1, classes = 1,
    class_names = 1, class_weight = 1, unit = 1, target_scale = 1}
  fields("data", t, over(per_output, {
    name = 1, x = 1, split = 1, without = 1, missing = 1,
    x_train = 1, x_val = 1, x_test = 1, features = 1, val = 1,
    seed = 1, standardize = 1, like = 1,
  }))
  local y = t.y or t.y_train or t.y_test
  if type(y) ~= "table" then
    return core.data(over(t, {of = {t}}))
  end
  local names = {}
  for name in pairs(y) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  if #names < 2 or #names > 8 then
    fail("data: field \"y\": 2 to 8 outputs, a table by their names")
  end
  return core.data(over(t, {of = by_output("data", t, per_output, names)}))
end

-- Simulated muon tracks: hit strips in, angle in mrad out.
function loom.muon(t)
  fields("muon", t or {}, {
    train = 1, val = 1, test = 1, seed = 1, efficiency = 1, noise = 1,
    scattering_mrad = 1, max_angle_mrad = 1, target_scale = 1,
  })
  return core.muon(t or {})
end

-- Simulated house numbers: pictures of 32 x 32 x 3 in, digits out.
function loom.digits(t)
  return core.digits(fields("digits", t or {}, {
    train = 1, val = 1, test = 1, seed = 1,
  }))
end

-- ---- schedules -----------------------------------------------------------

-- Through the points {epoch, value}, ...; constant before and after. A point
-- can say itself how the way to the next one goes: {epoch, value, "log"}.
local ways = {hold = 1, linear = 1, log = 1, smooth = 1}
local function ramp(kind, way)
  return function(t)
    if type(t) ~= "table" then
      fail(("%s{...} takes a table of points, not a %s"):format(kind, type(t)))
    end
    local points = {}
    for k, point in ipairs(t) do
      if type(point) ~= "table" or type(point[1]) ~= "number" or
        type(point[2]) ~= "number" or not ways[point[3] or way] then
        fail(("%s: point %d must be {epoch, value}, or {epoch, value, way} " ..
          "with \"hold\", \"linear\", \"log\" or \"smooth\""):format(kind, k))
      end
      points[k] = {point[1], point[2], point[3] or way}
    end
    return {schedule = "piecewise", points = points}
  end
end
loom.linear = ramp("linear", "linear")
loom.log = ramp("log", "log")
loom.steps = ramp("steps", "hold")
loom.smooth = ramp("smooth", "smooth")

-- From `from`, a half cosine down to `floor` (or to the part `alpha` of
-- `from`) in `cycle` epochs, again and again, each time `decay` as high. The
-- last `flat` epochs of a cycle are at `rest`, or at floor.
function loom.cosine(t)
  fields("cosine", t, {from = 1, cycle = 1, decay = 1, floor = 1, alpha = 1,
    flat = 1, rest = 1})
  local from = t.from or 5e-3
  if t.alpha and (t.floor or type(t.alpha) ~= "number") then
    fail("cosine: alpha is a number, and takes the place of floor")
  end
  return {
    schedule = "cosine", from = from, cycle = t.cycle or 1e9,
    decay = t.decay or 1.0, floor = t.alpha and t.alpha * from or
      t.floor or 1e-6, flat = t.flat or 0, rest = t.rest or 0,
  }
end

-- Up to `top` in the first part `up` of `epochs`, and down again.
function loom.one_cycle(t)
  fields("one_cycle", t, {top = 1, epochs = 1, from = 1, to = 1, up = 1})
  for _, name in ipairs({"top", "epochs"}) do
    if type(t[name]) ~= "number" then
      fail(("one_cycle: field \"%s\" must be a number"):format(name))
    end
  end
  return loom.smooth{{0, t.from or t.top / 25},
    {(t.up or 0.3) * t.epochs, t.top}, {t.epochs, t.to or t.top / 1e4}}
end

-- In the place of beta: it follows `target` EBOPs after `warmup` epochs of
-- `start` (a number or a schedule). With pid,
--   beta = 10^(p err + i sum err + d change), err = log10(EBOPs / target),
-- between lo and hi; below the target it is smaller by the part `damp`.
function loom.pid(t)
  fields("pid", t, {target = 1, start = 1, warmup = 1, p = 1, i = 1, d = 1,
    damp = 1, lo = 1, hi = 1, schedule = 1})
  t.schedule = "pid"
  return t.target and t or fail("pid: field \"target\" is missing")
end

-- The same by dual ascent: beta += rate (EBOPs / target - 1).
function loom.dual(t)
  fields("dual", t, {target = 1, start = 1, warmup = 1, rate = 1, hi = 1,
    schedule = 1})
  t.schedule = "dual"
  return t.target and t or fail("dual: field \"target\" is missing")
end

-- ---- optimizers ----------------------------------------------------------

local function optimizer(name, kind, own, standards)
  local known = {decay = 1, clip_norm = 1, clip_value = 1}
  for _, field in ipairs(own) do
    known[field] = 1
  end
  return function(t)
    local conf = {optimizer = kind}
    for key, value in pairs(standards) do
      conf[key] = value
    end
    for key, value in pairs(fields(name, t or {}, known)) do
      conf[key] = value
    end
    return conf
  end
end
local adam = {"beta1", "beta2", "epsilon", "amsgrad"}
loom.adam = optimizer("adam", "adam", adam, {})
loom.adamw = optimizer("adamw", "adam", adam, {decay = 4e-3})
loom.sgd = optimizer("sgd", "sgd", {"momentum", "nesterov"}, {momentum = 0.9})

-- ---- models --------------------------------------------------------------

-- A quantizer's fields, in every layer's tables below:
--   type "kif"|"kbi", round, overflow, k0 b0 i0 f0 (at the start),
--   b i f = {lowest, highest}, l1, i_decay, per "element"|"tensor", trained

-- Fields that every layer takes: name; of, the name of an earlier layer that it
-- reads (a list of names for those that join several) where that is not the
-- one before it; relu = true, a ReLU behind it; output, a quantizer behind
-- all that; input, the quantizer before it; semantics, of its quantizers.
local shared = {"name", "of", "relu", "output", "input", "semantics"}

local weights = {"kernel", "bias", "norm", "parallel", "mask", "kernel_l1",
  "kernel_l2"}
local window = {"size", "stride", "padding", "parallel"}

-- kind = {own fields, first = field that t[1] is,
--         before: "always" a quantizer, or "asked" for}
local kinds = {
  dense = {weights, first = "units", before = "always"},
  conv1d = {weights, window, first = "filters", before = "always"},
  conv2d = {weights, window, first = "filters", before = "always"},
  depthwise_conv2d = {{"kernel", "bias", "norm", "multiplier"}, window,
    first = "size", before = "always"},
  lut_dense = {{"hidden", "each", "table"}, first = "units", before = "always"},
  add = {{}, before = "always", joins = true},
  subtract = {{}, before = "always", joins = true},
  multiply = {{}, before = "always", joins = true},
  maximum = {{}, before = "always", joins = true},
  minimum = {{}, before = "always", joins = true},
  concatenate = {{"axis"}, before = "asked", joins = true},
  sum = {{"axes", "keep", "scale"}, before = "always"},
  max_pool1d = {window, first = "size", before = "asked"},
  max_pool2d = {window, first = "size", before = "asked"},
  average_pool1d = {window, first = "size", before = "asked"},
  average_pool2d = {window, first = "size", before = "asked"},
  global_max_pool = {{}, before = "asked"},
  global_average_pool = {{}, before = "asked"},
  reshape = {{"shape"}, before = "asked"},
  flatten = {{}, before = "asked"},
  batch_norm = {{"scale", "offset", "gamma", "beta", "epsilon", "momentum"},
    before = "always"},
  dropout = {{"rate"}, first = "rate", before = "asked"},
  max = {{"axes", "keep"}, before = "asked"},
  leaky_relu = {{"slope"}, before = "asked"},
  scale = {{"factor", "shift"}, before = "asked"},
  map = {{"values", "from", "to"}, before = "always", becomes = "function"},
  softmax = {{"axes", "scale", "stable", "exp_input", "exp", "inverse_input",
    "inverse"}, before = "always"},
  permute = {{"axes"}, before = "asked"},
  slice = {{"axis", "from", "to", "step"}, before = "asked"},
}

-- Functions of every element.
for _, name in ipairs({"tanh", "sigmoid", "exp", "inverse", "softplus",
  "softsign", "silu", "gelu", "elu", "selu"}) do
  kinds[name] = {{"scale"}, before = "always", becomes = "function"}
end

-- The layers: loom.dense{64, relu = true}, loom.conv2d{16, size = 3}, ...
-- The first value is the number of outputs (dense), of filters (conv1d,
-- conv2d), the size of the window (pools) or the share (dropout).
for kind, k in pairs(kinds) do
  local known = k.first and {[1] = 1} or {}
  for _, list in ipairs({shared, table.unpack(k)}) do
    for _, field in ipairs(list) do
      known[field] = 1
    end
  end
  loom[kind] = function(t)
    fields(kind, t, known)
    if k.first and t[1] ~= nil then
      t[k.first] = t[1]
    end
    if (k.first == "units" or k.first == "filters") and
      (math.type(t[k.first]) ~= "integer" or t[k.first] < 1) then
      fail(("%s: the first value must be the number of %s, 1 or more"):format(
        kind, k.first == "units" and "outputs" or "filters"))
    end
    return {kind = kind, conf = t}
  end
end

-- Any function of one number: loom.map{function(x) return x * x end,
-- from = -4, to = 4}. It is asked at `points` places from `from` to `to`, with
-- straight lines between them, and constant beyond.
local new_map = loom.map
function loom.map(t)
  local f = type(t) == "table" and t[1]
  local from, to, n = -8, 8, 1025
  if type(f) ~= "function" then
    fail("map: the first value must be a function of a number")
  end
  from, to, n = t.from or from, t.to or to, t.points or n
  if type(from) ~= "number" or type(to) ~= "number" or not (from < to) or
    math.type(n) ~= "integer" or n < 2 or n > 65536 then
    fail("map: from < to must be numbers, and points a whole number from 2 " ..
      "to 65536")
  end
  local conf = {values = {}, from = from, to = to}
  for k = 1, n do
    local x = from + (to - from) * (k - 1) / (n - 1)
    local y = f(x)
    if type(y) ~= "number" or y ~= y or math.abs(y) == math.huge then
      fail(("map: the function gave %s for %g, not a number"):format(
        tostring(y), x))
    end
    conf.values[k] = y
  end
  for key, value in pairs(t) do
    if key ~= 1 and key ~= "points" then
      conf[key] = value
    end
  end
  return new_map(conf)
end

-- An input of the network, where there are several: loom.input{"M1", 50, 3}
-- takes rows of 50 x 3 numbers. A row of data holds all inputs side by side.
function loom.input(t)
  if type(t) ~= "table" or type(t[1]) ~= "string" or #t < 2 then
    fail("input: a name and one or more sizes are expected")
  end
  return {kind = "input", conf = {name = t[1],
    shape = table.move(t, 2, #t, 1, {})}}
end

-- Quantizers of their own: loom.quantize{f0 = 4, overflow = "SAT"}, and those
-- that cut off: hard_tanh to [-1, 1); hard_sigmoid, x / 4 + 1 / 2, to [0, 1).
local quantizers = {
  quantize = {},
  hard_tanh = {i0 = 0, i = {0, 0}, overflow = "SAT"},
  hard_sigmoid = {i0 = 1, i = {1, 1}, overflow = "SAT"},
}
for kind in pairs(quantizers) do
  loom[kind] = function(t)
    return {kind = kind, conf = t}
  end
end

-- ---- the graph of a model ------------------------------------------------

local graph = {}
graph.__index = graph

-- Quantizers that are not of another kind by their own fields get the
-- semantics asked for.
function graph:quantizer(conf)
  conf = conf or {}
  local v1 = self.semantics == "v1"
  if not self.semantics or (v1 and ((conf.type or "kif") ~= "kif" or
    (conf.overflow or "WRAP") ~= "WRAP" or conf.trained == false)) then
    return conf
  end
  return over({semantics = self.semantics}, conf)
end

-- Append a layer; returns its number.
function graph:add(kind, name, conf, inputs)
  if kind == "quantize" then
    conf = self:quantizer(conf)
  end
  self.list[#self.list + 1] =
    {kind = kind, name = name, conf = conf, inputs = inputs}
  return #self.list
end

-- Numbers of the layers that t reads.
function graph:inputs_of(what, t)
  local of = t.of
  if of == nil then
    return {self.last or fail(what .. ": there is nothing before it")}
  end
  local numbers = {}
  for k, name in ipairs(type(of) == "table" and of or {of}) do
    numbers[k] = self.outputs[name] or fail(
      ("%s: field \"of\": no earlier layer is named \"%s\""):format(what,
      tostring(name)))
  end
  return numbers
end

local function copy_fields(t, lists)
  local conf = {}
  for _, list in ipairs(lists) do
    for _, field in ipairs(list) do
      conf[field] = t[field]
    end
  end
  return conf
end

-- e / sum of e with e = exp(-scale (max x - x)), exp and 1 / x being tables;
-- with stable = false, e = exp(scale x), for inputs that are bounded anyway. x is
-- the number of the quantized input.
function graph:softmax(name, t, x)
  local axes = t.axes or {-1}
  local tensor = {per = "tensor"}
  local tables = {type = "kbi", k0 = 0, b0 = 8, i0 = 2, b = {0, 23}, i = false,
    round = "RND_CONV", overflow = "SAT", per = "tensor"}
  local function add(kind, part, conf, ...)
    return self:add(kind, name .. part, conf, {...})
  end
  local d, scale = x, t.scale or 1
  if t.stable ~= false then
    local top = add("max", "/max", {axes = axes, keep = true}, x)
    d, scale = add("subtract", "/subtract", {}, top, x), -scale
  end
  d = add("quantize", "/exp/iq", over(tensor, t.exp_input), d)
  local e = add("function", "/exp", {name = "exp", scale = scale}, d)
  e = add("quantize", "/exp/oq", over(tables, t.exp), e)
  local sum = add("sum", "/sum", {axes = axes, keep = true, unit = 1}, e)
  sum = add("quantize", "/inverse/iq", over(tensor, t.inverse_input), sum)
  local inverse = add("function", "/inverse", {name = "inverse"}, sum)
  inverse = add("quantize", "/inverse/oq", over(tables, t.inverse), inverse)
  return add("multiply", "", {}, e, inverse)
end

-- For every input and every output a function of its own, which becomes a table;
-- an output is the sum of its functions. x is the number of the quantized
-- input; `each` picks the bits of it that a connection's table reads, `table`
-- is what a table gives.
function graph:lut_dense(name, t, x)
  local each = over({round = "TRN"}, t.each)
  local at = self:add("repeat", name .. "/repeat", {n = t.units}, {x})
  at = self:add("quantize", name .. "/each", each, {at})
  at = self:add("tables", name .. "/tables", {hidden = t.hidden}, {at})
  at = self:add("quantize", name .. "/table", t.table or {}, {at})
  -- The tables' cost has that of the sum in it.
  return self:add("sum", name, {axes = {1}, unit = 0}, {at})
end

function graph:layer(name, kind, t)
  local k = kinds[kind]
  local inputs = self:inputs_of(name, t)
  for i, number in ipairs(inputs) do
    if k.before == "always" or t.input then
      local suffix = "/iq" .. (k.joins and i - 1 or "")
      inputs[i] = self:add("quantize", name .. suffix, t.input or {}, {number})
    end
  end
  local conf = copy_fields(t, k)
  if k.first then
    conf[k.first] = t[k.first]
  end
  -- Biases saturate unless told otherwise: a wrapping one would be rounded
  -- anew, to another grid, each time a point of the front is calibrated.
  if k[1][1] == "kernel" then
    local bias = self.semantics ~= "v1" and {overflow = "SAT_SYM"} or {}
    conf.kernel = self:quantizer(t.kernel)
    conf.bias = t.bias ~= false and self:quantizer(over(bias, t.bias))
  end
  if kind == "batch_norm" then
    conf.scale = self:quantizer(t.scale)
    conf.offset = self:quantizer(over({overflow = "SAT_SYM"}, t.offset))
  end
  if k.becomes and kind ~= "map" then
    conf.name = kind
  end
  local at = kind == "softmax" and self:softmax(name, t, inputs[1]) or
    kind == "lut_dense" and self:lut_dense(name, t, inputs[1]) or
    self:add(k.becomes or kind, name, conf, inputs)
  if t.relu then
    at = self:add("relu", name .. "/relu", {}, {at})
  end
  if t.output then
    at = self:add("quantize", name .. "/oq", t.output, {at})
  end
  return at
end

-- One item of loom.model's list.
function graph:item(name, layer)
  local kind, t = layer.kind, layer.conf
  local at
  self.semantics = t.semantics or self.standard
  if kind == "input" then
    at = self:add("input", name, {shape = t.shape}, {})
  elseif quantizers[kind] then
    local conf = over(quantizers[kind], t)
    conf.name, conf.of = nil, nil
    local scaled = kind == "hard_sigmoid"
    at = self:add("quantize", name .. (scaled and "/q" or ""), conf,
      self:inputs_of(name, t))
    if scaled then
      at = self:add("scale", name, {factor = 0.25, shift = 0.5}, {at})
    end
  else
    at = self:layer(name, kind, t)
  end
  self.outputs[name] = at
  self.last = at
end

local function is_shape(v)
  if type(v) ~= "table" or #v == 0 then
    return math.type(v) == "integer"
  end
  for _, n in ipairs(v) do
    if math.type(n) ~= "integer" then
      return false
    end
  end
  return true
end

-- A network: loom.model{input = n, loom.dense{...}, ...}; input may also be a
-- list of sizes, {28, 28, 1}. Each layer reads the one before it, or those
-- named by its field `of`; the last one is the output, or those that the field
-- `outputs` names: outputs = {"kind", "angle"}.
function loom.model(t)
  local own = type(t) == "table" and type(t[1]) == "table" and
    t[1].kind == "input" and t.input == nil
  if type(t) ~= "table" or not (own or is_shape(t.input)) then
    fail("model: field \"input\" must be the number of inputs, or a list of " ..
      "sizes")
  end
  for key, layer in pairs(t) do
    if math.type(key) ~= "integer" and key ~= "input" and
      key ~= "semantics" and key ~= "outputs" then
      fail(("model: unknown field \"%s\"; known fields: input, outputs, " ..
        "semantics and a list of layers"):format(tostring(key)))
    elseif math.type(key) == "integer" and
      (type(layer) ~= "table" or not layer.kind or not layer.conf) then
      fail(("model: item %d is no layer"):format(key))
    end
  end
  local g = setmetatable({list = {}, outputs = {},
    standard = t.semantics}, graph)
  if not own then
    local shape = type(t.input) == "table" and t.input or {t.input}
    g:item("x", {kind = "input", conf = {shape = shape}})
  end
  local count = {}
  for _, layer in ipairs(t) do
    local kind = layer.kind
    local n = count[kind] or 0
    count[kind] = n + 1
    g:item(layer.conf.name or (kind .. "_" .. n), layer)
  end
  if not next(count) or (own and #g.list == count.input) then
    fail("model: there are no layers")
  end
  if t.outputs ~= nil then
    if type(t.outputs) ~= "table" or #t.outputs < 2 then
      fail("model: field \"outputs\" must be a list of the names of two or " ..
        "more layers")
    end
    g:add("outputs", "outputs", {names = t.outputs},
      g:inputs_of("model", {of = t.outputs}))
  end
  return {layers = g.list}
end

-- ---- training ------------------------------------------------------------

-- metric = word or metrics = {word, ...} as a list.
local function metrics_of(t)
  local list = t.metrics
  if t.metric ~= nil and list ~= nil then
    fail("train: give either \"metric\" or \"metrics\"")
  elseif t.metric ~= nil then
    list = {t.metric}
  elseif list ~= nil and (type(list) ~= "table" or #list == 0) then
    fail("train: field \"metrics\" must be a list of metrics")
  end
  return list
end

local train_fields = {
  name = 1, model = 1, data = 1, loss = 1, batch = 1, epochs = 1, seed = 1,
  lr = 1, beta = 1, optimizer = 1, metric = 1, metrics = 1, outlier_cut = 1,
  huber_delta = 1, loss_weight = 1, collapse = 1, stop = 1, device = 1,
  autosave = 1, cost = 1,
}

-- The fields of a training, checked, as core wants them.
local function training(what, t)
  t = over(t, {metrics = metrics_of(t)})
  if type(t.model) ~= "table" or not t.model.layers then
    fail(what .. ": field \"model\" must come from loom.model{...}")
  end
  local names = type(t.data) == "userdata" and t.data.output_names
  if names then
    t.goals = by_output(what, t, {loss = 1, loss_weight = 1,
      outlier_cut = 1, huber_delta = 1}, names)
    if not t.metrics then
      fail(("%s: field \"metric\" must name the output that the front is " ..
        "made by: \"%s.accuracy\", or another of its metrics"):format(what,
        names[1]))
    end
  end
  if type(t.stop) == "function" then
    t.stop = {when = t.stop}
  elseif t.stop ~= nil then
    fields("stop", t.stop, {patience = 1, metric = 1, ebops = 1, least = 1,
      when = 1})
    if t.stop.when ~= nil and type(t.stop.when) ~= "function" then
      fail("stop: field \"when\" must be a function of {epoch, loss, val_loss, " ..
        "metric, metrics, ebops, cost, beta, lr}")
    end
  end
  if t.optimizer and (type(t.optimizer) ~= "table" or
    not t.optimizer.optimizer) then
    fail(what .. ": field \"optimizer\" must come from loom.adam{...}, " ..
      "loom.adamw{...} or loom.sgd{...}")
  end
  return t
end

-- ---- networks in memory ----------------------------------------------------

-- A network that is neither a run nor on a front: for scripts that search.
local net = {}
net.__index = net

-- loom.net{model = ..., data = ...}, with the other fields of loom.train; from =
-- another network gives it the values and ranges of that one's layers, where
-- names and sizes agree, not their bits. Ranges are measured on the training
-- rows.
function loom.net(t)
  fields("net", t, over(train_fields, {from = 1}))
  t = training("net", t)
  if t.from ~= nil and getmetatable(t.from) ~= net then
    fail("net: field \"from\" must be a network from loom.net{...} or a point")
  end
  return setmetatable({fields = t, core = core.net(t, t.from and t.from.core)},
    net)
end

-- Go on training, with these fields over its own; keeps the last state.
function net:train(t)
  core.tune(training("train", over(self.fields, fields("train", t,
    train_fields))), self.core)
  return self
end

-- Metric, share of outliers, all of field "metrics" by name, and the loss.
local function rate(n, t, data, part)
  local metric, outliers, all, loss = core.rate(n, data, part or "test")
  local by_name = {}
  for i, name in ipairs(t.metrics or {}) do
    by_name[name] = all[i]
  end
  return metric, outliers, by_name, loss
end

function net:score(data, part)
  return rate(self.core, self.fields, data or self.fields.data, part)
end

function net:ebops()
  return core.ebops(self.core)
end

-- Of classifiers: the mean of the divergence KL(self || other) of what they say
-- of the first `rows` rows of a part, in nats.
function net:kl(other, part, rows)
  return core.kl(self.core, other.core, self.fields.data, part or "val", rows)
end

-- {lut4, carry, ff, lc, latency, layers = {name = {lut4, carry, ff}}} on
-- `device`, predicted; with measured = true synthesized and packed.
function net:cells(t)
  fields("cells", t, {device = 1, levels = 1, measured = 1})
  return core.cells(self.core, t)
end

-- A build for `device`, checked on the test rows, in the folder `dir` if it is
-- to stay: what its build.json says.
function net:build(t)
  fields("build", t, {device = 1, levels = 1, clock = 1, seeds = 1, dir = 1})
  return core.build(self.core, over(t, {data = self.fields.data}))
end

-- ---- the run ----------------------------------------------------------------

-- Train, and return the front: a list of points {epoch, metric, ebops, cost,
-- score = function(data, part), net = function()}, by rising cost, which is the
-- EBOPs unless field "cost" names a device. They are those of the last training.
function loom.train(t)
  fields("train", t, train_fields)
  check_options()
  t = training("train", t)
  core.train(t)
  local front = {}
  for k = 1, math.huge do
    local point = core.point(k)
    if not point then
      break
    end
    function point.net()
      return setmetatable({fields = t, core = core.net_of(k)}, net)
    end
    -- Metric and share of outliers on a part ("train", "val", "test"), a table
    -- of all that field "metrics" asked for, by name, and the loss.
    function point.score(data, part)
      local n <close> = core.net_of(k)
      return rate(n, t, data, part)
    end
    front[k] = point
  end
  return front
end

return loom
