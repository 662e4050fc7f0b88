#!/bin/sh
# A tour of the screen on the real program, in a tmux of its own: open a script,
# train, change beta, inspect a layer, look at the data, ask Lua, roll back,
# branch, build, compare, leave and come back. Each step waits for what is to be
# read on the screen. Usage: tour.sh PROGRAM
set -eu
program=$(realpath "$1")
command -v tmux >/dev/null || exit 77
home=$(mktemp -d)
cd "$home"
export XDG_STATE_HOME="$home/state" XDG_DATA_HOME="$home/data" \
    XDG_CONFIG_HOME="$home/config" LC_ALL=C.UTF-8
unset TMUX NO_COLOR
tmux="tmux -S $home/socket"
trap '$tmux kill-server 2>/dev/null; rm -rf "$home" 2>/dev/null ||
    { sleep 1; rm -rf "$home"; }' EXIT # it may still save

cat >small.lua <<'LUA'
local data = loom.muon{train = 12000, val = 400, test = 400, seed = 1,
                       target_scale = 64}
local bit = {k0 = 0, i0 = 1, f0 = 0, trained = false}
local model = loom.model{
  input = data.inputs,
  loom.dense{3, relu = true, input = bit, kernel = {b0 = 4, i0 = 0}},
  loom.dense{1, input = {f0 = 5}, kernel = {b0 = 6, i0 = 1}},
}
loom.train{name = "tour", model = model, data = data, loss = "mse",
           batch = 40, epochs = 100000, lr = 2e-3, beta = 1e-6}
LUA

screen() {
    $tmux capture-pane -p
}

# wait_for TEXT: until the screen shows it
wait_for() {
    tries=0
    until screen | grep -q -e "$1"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 1500 ]; then
            echo "tour.sh: the screen never says: $1" >&2
            screen >&2
            exit 1
        fi
        sleep 0.05
    done
}

# step KEYS... -- TEXT: type, and see what comes of it
step() {
    while [ "$1" != -- ]; do
        $tmux send-keys "$1"
        shift
    done
    wait_for "$2"
}

$tmux -f /dev/null new-session -d -x 120 -y 40 "$program --threads 1; cat"
wait_for 'small.lua'                          # the chooser has found it
step Enter -- 'tour-001.*running'             # and trains
wait_for '[0-9] kept'                         # the front has a point
step : 'beta x2' Enter -- '×2'                # beta, typed
step + -- '×2.5'                              # and by a key
step u -- 'taking back'
step 2 -- 'dense_0 350×3 bits'                # a layer
step l l j -- 'weight \[1,2\]'
step v -- 'dense_0 350×3 value'
step 5 -- 'features'                          # the data
step j -- 'histogram'
step 6 -- 'Tab completes'                     # Lua
step '#model.layers, run.state' Enter -- '^│running'
step 'run.nothing' Enter -- 'has no field "nothing"'
step 'run:pause()' Enter -- '‖ paused'
step 'print("front", run.front[1].epoch)' Enter -- '^│front  *[0-9]'
point=$(screen | sed -n 's/^│front  *\([0-9]*\).*/\1/p' | tail -n 1)
step Escape 1 -- 'bits per layer'
step : "rollback $point" Enter -- 'back at the parameters'
step : "branch $point" Enter -- "tour-002 branches from tour-001@$point"
step Space -- 'running'
wait_for '[0-9] kept'                         # its own front has a point
step C-p buildbest -- 'build the best point'  # the palette
step Escape b -- 'building the best point'
wait_for 'build 1: '
step 3 -- 'b-1 '                              # a build, and its log
step l -- 'verify.log'
step m -- 'b-1 tour'
step c -- 'cancel'
step 4 -- 'tour-002'                          # the runs, compared
wait_for 'tour-001'
step Space Space x -- 'only what differs'
wait_for 'parent'
step x p -- 'front [0-9]* of 2'
step q -- 'save it and leave'
step y -- 'tour-002 is saved'
$tmux kill-server
tmux="tmux -S $home/again"
$tmux -f /dev/null new-session -d -x 80 -y 24 "$program; cat"
wait_for '\[4 Runs\]'                         # where it was left
step 1 -- 'go on with tour-002'
step Enter -- 'running  ep [0-9]*/100000'
step q y -- 'tour-002 is saved'
