#!/bin/sh
# slurm.sh BITLOOM: a sweep as an array of a real Slurm, started here for the
# test; a task that is killed half-way costs nothing. Needs root, slurmctld,
# slurmd and munged.
bitloom=$(realpath "$1")
for tool in slurmctld slurmd munged sbatch; do
    command -v $tool >/dev/null || [ -x /usr/sbin/$tool ] ||
        { echo "no $tool: skipped"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo 'not root: skipped'; exit 77; }
pgrep -x slurmctld >/dev/null && { echo 'a slurmctld runs here: skipped'; exit 77; }
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d) || exit 1
own_munged=
stop() {
    [ -s "$dir/slurmd.pid" ] && kill "$(cat "$dir/slurmd.pid")"
    [ -s "$dir/slurmctld.pid" ] && kill "$(cat "$dir/slurmctld.pid")"
    [ -n "$own_munged" ] && kill "$own_munged"
    sleep 1
    rm -rf "$dir"
}
trap stop EXIT
cd "$dir" || exit 1
chmod 755 .
bad=0
fail() {
    echo "FAILED: $*"
    tail -n 5 err out slurmctld.log slurmd.log
    bad=1
}

# ---- a cluster of one node ---------------------------------------------------
host=$(hostname -s)
mkdir munge state spool
dd if=/dev/urandom of=munge/key bs=1 count=1024 2>/dev/null
chmod 700 munge
chmod 600 munge/key
munged --force --key-file="$dir/munge/key" --socket="$dir/munge.socket" \
    --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" \
    --seed-file="$dir/munge.seed" >/dev/null 2>&1
own_munged=$(cat munged.pid 2>/dev/null)
[ -n "$own_munged" ] || { echo 'munged does not start: skipped'; exit 77; }
cat >slurm.conf <<S
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
S
export SLURM_CONF="$dir/slurm.conf"
slurmctld -f slurm.conf && slurmd -f slurm.conf -N "$host"
for _ in $(seq 1 100); do
    sinfo -h -o %T 2>/dev/null | grep -q idle && break
    sleep 0.2
done
sinfo -h -o %T 2>/dev/null | grep -q idle || {
    echo "Slurm does not start here: skipped: $(tail -n 2 slurmctld.log slurmd.log)"
    exit 77
}

# ---- a sweep, and one of its tasks killed ------------------------------------
cat >s.lua <<'S'
local data = loom.muon{train = 2000, val = 300, test = 300, target_scale = 64}
loom.train{
  name = "s", data = data, loss = "mse", epochs = 200, autosave = 0.1,
  batch = 200, lr = 3e-3, beta = loom.option("beta", 1e-6),
  model = loom.model{input = data.inputs,
    loom.dense{4, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false}},
    loom.dense{1, input = {f0 = 5}}},
}
S
"$bitloom" sweep s.lua --set beta=1e-6,2e-6 --seeds 2 --slurm --partition main \
    -o a --store store --json >out 2>err &
pid=$!
for _ in $(seq 1 200); do
    [ -s a/001/s-001/last.loom ] && break
    sleep 0.1
done
pkill -9 -f -- "--task $(realpath a) 1\$" || fail 'task 1 is not running'
wait $pid || fail "the sweep ended with status $?"
grep -q '"done":4' out || fail 'not all are done'
grep -q '"job"' a/slurm.json || fail 'it was not the cluster'
"$bitloom" sweep s.lua --set beta=1e-6,2e-6 --seeds 2 -o b --store here -q \
    >out 2>err || fail 'the same here'
for k in 001 002 003 004; do
    for f in b/$k/s-001/epoch-*.loom; do
        cmp "$f" "a/$k/s-001/${f##*/}" || fail "task $k: another ${f##*/}"
    done
done
"$bitloom" sweep s.lua --slurm --partition none -o c --store store 2>err &&
    fail 'a partition that there is none of'
grep -q sbatch err || fail "no word of sbatch: $(cat err)"

# ---- builds as an array, and one of them killed ------------------------------
for tool in yosys nextpnr-ice40 icepack verilator; do
    command -v $tool >/dev/null || exit $bad
done
cat >t.lua <<'S'
local data = loom.muon{train = 500, val = 100, test = 100, target_scale = 64}
loom.train{
  name = "t", data = data, loss = "mse", epochs = 3, batch = 100, lr = 3e-3,
  beta = 1e-2,
  model = loom.model{input = data.inputs,
    loom.dense{2, relu = true, input = {k0 = 0, i0 = 1, f0 = 0, trained = false},
               kernel = {b0 = 2, i0 = 0}},
    loom.dense{1, input = {f0 = 2}, kernel = {b0 = 2, i0 = 1}}},
}
S
export LOOM_CACHE=
"$bitloom" run t.lua --out store -q >out 2>err || fail 'training'
"$bitloom" build t-001 --store store --device hx1k,lp1k --slurm -o d --json \
    >out 2>err &
pid=$!
for _ in $(seq 1 200); do
    [ -s d/001/core.v ] && break
    sleep 0.1
done
pkill -9 -f -- "build --task $(realpath d) 1\$" || fail 'build 1 is not running'
wait $pid || fail "the builds ended with status $?"
grep -q '"done":2' out || fail 'not all are built'
"$bitloom" build t-001 --store store --device hx1k -o here -q >out 2>err ||
    fail 'the same here'
cmp d/001/*.bin here/*.bin || fail 'another bitstream than here'
exit $bad
