-- The console: lines that a user types, run on the script's own state between
-- two batches. `core` (C) tells and does what only the session can.
local core = ...

local run, ui, locals, more = {}, {}, {}, nil

-- ---- what lines see beside the script's globals --------------------------

local function has_no_field(name)
  return function(t, key)
    local known = {}
    for k in pairs(t) do
      known[#known + 1] = tostring(k)
    end
    table.sort(known)
    error(("%s has no field \"%s\"; it has: %s"):format(name, tostring(key),
      table.concat(known, " ")), 2)
  end
end

-- run.pause() and run:pause() are the same.
local function method(f)
  return function(self, ...)
    if self == run then
      return f(...)
    end
    return f(self, ...)
  end
end

local function command(kind)
  return method(function(what)
    core.send(kind, what)
  end)
end

for _, kind in ipairs({"pause", "resume", "snapshot", "freeze", "rollback",
    "branch", "undo", "build", "cancel"}) do
  run[kind] = command(kind)
end
run.step = method(function(what)
  core.send("step", what == "epoch" and 1 or 0)
end)

-- run:set("beta", 1e-5), "lr" or "target"; a value from the next batch on.
run.set = method(function(what, value)
  if type(value) ~= "number" then
    error("set: a name and a number, as in run:set(\"beta\", 1e-5)", 2)
  elseif what == "target" then
    core.send("target", value)
  elseif what == "beta" or what == "lr" then
    local now, factor = run[what], run[what .. "_factor"]
    if not (now > 0 and value > 0) then
      error(what .. ": both what it is and what it should be must be above 0",
        2)
    end
    core.send(what, value / now * factor)
  else
    error("set: \"beta\", \"lr\" or \"target\"", 2)
  end
end)
setmetatable(run, {__index = has_no_field("run")})

-- ui.action("name"), ui.action("beta", "x1.5"): as typed after ':'.
function ui.action(name, arg)
  if type(name) ~= "string" then
    error("action: a name is expected, as in ui.action(\"snapshot\")", 2)
  end
  core.action(arg == nil and name or name .. " " .. tostring(arg))
end
_G.ui = setmetatable(ui, {__index = has_no_field("ui")})

-- All runs of the store, newest first.
local function runs()
  return core.runs()
end

local own = {run = run, runs = runs}
local env = setmetatable({}, {
  __index = function(_, key)
    local v = own[key]
    if v == nil then
      v = _G[key]
    end
    if v == nil then
      v = locals[key]
    end
    return v
  end,
  __newindex = _G,
})

-- ---- values as text -------------------------------------------------------

local WIDTH, ROWS = 72, 60

local function short(v)
  if type(v) == "table" then
    return "{...}"
  elseif type(v) == "string" then
    return ("%q"):format(v)
  elseif math.type(v) == "float" then
    return ("%.6g"):format(v)
  end
  return tostring(v)
end

local function sorted_keys(t)
  local keys = {}
  for k in next, t do
    keys[#keys + 1] = k
  end
  table.sort(keys, function(a, b)
    if math.type(a) and math.type(b) then
      return a < b
    end
    return tostring(a) < tostring(b)
  end)
  return keys
end

-- A table without tables, on one line.
local function flat(t)
  local out = {}
  for _, k in ipairs(sorted_keys(t)) do
    local v = rawget(t, k)
    out[#out + 1] = math.type(k) and short(v) or
      ("%s = %s"):format(tostring(k), short(v))
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

local function show(v)
  local meta = getmetatable(v)
  if type(v) ~= "table" or (meta and meta.__tostring) then
    return print(type(v) == "string" and v or type(v) == "table" and
      tostring(v) or short(v))
  end
  local keys = sorted_keys(v)
  local line = flat(v)
  local deep = false
  for _, k in ipairs(keys) do
    deep = deep or type(rawget(v, k)) == "table"
  end
  if not deep and #line <= WIDTH then
    return print(line)
  end
  for i, k in ipairs(keys) do
    if i > ROWS then
      return print(("... %d more"):format(#keys - ROWS))
    end
    local x = rawget(v, k)
    print(("%-12s %s"):format(tostring(k), type(x) == "table" and flat(x) or
      short(x)))
  end
end

-- ---- lines ------------------------------------------------------------

local function refresh()
  for k, v in pairs(core.view()) do
    rawset(run, k, v)
  end
  locals = core.locals() or locals
end

-- Run a line; true: it is the beginning of more.
local function eval(text)
  text = more and more .. "\n" .. text or text
  more = nil
  local f, why = load("return " .. text, "=console", "t", env)
  if not f then
    f, why = load(text, "=console", "t", env)
  end
  if not f and why:find("<eof>", 1, true) then
    more = text
    return true
  elseif not f then
    error(why, 0)
  end
  refresh()
  local results = table.pack(f())
  for i = 1, results.n do
    show(results[i])
  end
end

local function forget()
  more = nil
end

-- What the word at the end of a text could go on with: the rest of it that is
-- certain, and all there is.
local function complete(text)
  local path, word = text:match("([%w_.:]-)([%w_]*)$")
  local places = {own, locals, _G}
  refresh()
  if path ~= "" then
    local at = env
    for name in path:gmatch("[%w_]+") do
      local ok, v = pcall(function()
        return at[name]
      end)
      at = ok and v or nil
    end
    local meta = getmetatable(at)
    local index = type(meta) == "table" and rawget(meta, "__index")
    places = {type(at) == "table" and at or {},
      type(index) == "table" and index or {}}
  end
  local found, seen = {}, {}
  for _, t in ipairs(places) do
    for k in next, t do
      if type(k) == "string" and k:sub(1, #word) == word and not seen[k] and
        k:match("^[%a_][%w_]*$") then
        seen[k] = true
        found[#found + 1] = k
      end
    end
  end
  table.sort(found)
  local common = found[1] or word
  for _, k in ipairs(found) do
    while k:sub(1, #common) ~= common do
      common = common:sub(1, -2)
    end
  end
  return common:sub(#word + 1), table.concat(found, "  ")
end

return {eval = eval, complete = complete, forget = forget}
