#!/bin/sh
# tables.sh BITLOOM ROOT [OUT]: builds the example networks, and published ones
# where ../shared/data has them, on every device that could hold them, 4 seeds
# each, and writes what was measured to ROOT/docs/builds.md. OUT (ROOT/out/tables)
# keeps runs and builds: what is there is not made again, so that the script can
# be interrupted. Hours, the first time.
set -u
bitloom=$(realpath "$1") root=$(realpath "$2") out=${3:-$2/out/tables}
mkdir -p "$out" "$root/docs" || exit 1
out=$(realpath "$out")
jets=$root/../shared/data
rows=$out/rows
: >"$rows"

# number FILE KEY: a number on the top level of a report.
number() {
    sed -n "s/^ \"$2\": \([0-9.]*\),*\$/\1/p" "$1"
}
# within FILE OBJECT KEY: of an object there.
within() {
    sed -n "/^ \"$2\": {/,/^ }/s/^  \"$3\": \([0-9.]*\),*\$/\1/p" "$1"
}
# speeds FILE: "median worst best" of the seeds' MHz.
speeds() {
    sed -n '/^ "seeds": \[/,/^ \]/s/^ *"fmax_mhz": \([0-9.]*\),*$/\1/p' "$1" |
        sort -n | awk '{v[NR] = $1} END {
            m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
            printf "%.1f %.1f %.1f", m, v[1], v[NR]}'
}

# build WORDS MODEL NAME DEVICE [options]: a row of the table.
build() {
    what=$1 model=$2 dir=$out/$3$way-$4 device=$4
    shift 4
    case $way in
    -serial) as=bit-serial; set -- "$@" --bit-serial ;;
    -l1) as='1 level'; set -- "$@" --levels 1 ;;
    *) as='2 levels' ;;
    esac
    if [ ! -s "$dir/build.json" ] && [ ! -s "$dir.err" ]; then
        "$bitloom" build "$model" --device "$device" --seeds 4 -o "$dir" -q \
            "$@" >"$dir.out" 2>"$dir.part" || mv "$dir.part" "$dir.err"
        rm -f "$dir.part"
    fi
    j=$dir/build.json
    if [ -s "$j" ]; then
        set -- $(speeds "$j")
        lc=$(within "$j" cells lc) of=$(within "$j" available lc)
        printf '| %s | %s | %s | %s | %s | %s | %s (%d %%) | %s (%s to %s) | %s | %s, %.0f ns | %.0f s |\n' \
            "$what" "$device" "$as" "$(within "$j" cells lut4)" \
            "$(within "$j" cells carry)" "$(within "$j" cells ff)" "$lc" \
            $((100 * lc / of)) "$1" "$2" "$3" \
            "$(number "$j" ii)" "$(number "$j" latency_cycles)" "$(number "$j" latency_ns)" \
            "$(within "$j" seconds total)" >>"$rows"
    else
        why=$(sed -n 's/^bitloom: //p' "$dir.err" | sed 's/;.*//; s/|/ /g' |
            head -n 1)
        printf '| %s | %s | %s | %s | | | | | | | |\n' "$what" "$device" "$as" \
            "$why" >>"$rows"
    fi
}

# point RUNS: the best point of a run that should fit an HX8K, as RUN@EPOCH,
# and its words.
point() {
    [ -d "$out/$1" ] ||
        "$bitloom" run "$root/examples/$1.lua" --out "$out/$1" -q || exit 1
    "$bitloom" compile "$1-001" --store "$out/$1" --device hx8k \
        -o "$out/$1-rtl" --json |
        sed -n 's/.*"name": *"'"$1"'_001_\([0-9]*\)".*/'"$1"'-001@\1/p' |
        head -n 1
}

# ebops MODEL [STORE]
ebops() {
    "$bitloom" ebops "$@" --json | sed -n 's/.*"total": *\([0-9]*\).*/\1/p'
}

# published EBOPS DEVICES...: one of the networks that HGQ2's authors publish.
published() {
    n=$1
    shift
    [ -d "$jets/hgq_checkpoints" ] || return
    loom=$out/jets$n.loom
    [ -s "$loom" ] || "$bitloom" import \
        "$jets/hgq_checkpoints/jsc_openml_e$n.keras" -o "$loom" \
        >/dev/null || exit 1
    for device; do
        build "jets, $(ebops "$loom") EBOPs" "$loom" "jets$n" "$device" \
            --data "$jets/jets1024/x_f32.npy"
    done
}

# trained NAME DEVICES...: an example, its best point that should fit an HX8K.
trained() {
    name=$1 model=$(point "$1")
    shift
    for device; do
        build "$name, $(ebops "$model" --store "$out/$name") EBOPs" "$model" \
            "$name" "$device" --store "$out/$name"
    done
}

# As deep as by default; with a register behind every adder; a bit a clock.
way=
published 530 hx1k up5k hx8k ecp5-25k ecp5-45k ecp5-85k
published 2571 hx1k up5k hx8k ecp5-25k ecp5-45k ecp5-85k
trained muon hx1k up5k hx8k ecp5-25k ecp5-45k ecp5-85k
trained mnist hx1k up5k hx8k ecp5-25k ecp5-45k ecp5-85k
published 13285 ecp5-25k ecp5-45k ecp5-85k
way=-l1
published 2571 hx8k up5k ecp5-25k
way=-serial
published 2571 hx8k ecp5-25k
published 13285 hx8k up5k ecp5-25k

# versions KEY: what the builds were made with.
versions() {
    cat "$out"/*/build.json | sed -n "s/^ \"$1\": \"\(.*\)\",*\$/\1/p" |
        sed 's/^[\\"]*\(nextpnr-[a-z0-9]*\).*(Version \(.*\))/\1 \2/; s/ (git.*//' |
        sort -u | paste -sd, | sed 's/,/, /g'
}
{
    cat <<'M'
# Builds, measured

Made by `./run tables`, with nothing adjusted for a device: the device's default
clock as the target, 4 seeds of place and route. Every build's Verilog has been
simulated against the integer network, without a mismatch; the published
networks' on 1,024 real jets among others. *as*: adder levels between two
registers (two by default), or bit-serial: sums that take their operands a bit a
clock. Cells and clock are those after place and route, harness included (LC: of
an ECP5, TRELLIS_COMB; carry: CCU2C, of two bits). MHz: the median of the seeds,
the slowest and the fastest; *every*: cycles from one result to the next.
Seconds are of the whole build, on a machine that had other work too.

| network | device | as | LUT4 | carry | FF | LC | MHz | every | latency | build |
|---|---|---|---|---|---|---|---|---|---|---|
M
    cat "$rows"
    printf '\nTools: %s; %s. bitloom at %s.\n' "$(versions yosys)" \
        "$(versions nextpnr)" \
        "${LOOM_REVISION:-$(git -C "$root" rev-parse --short HEAD 2>/dev/null)}"
} >"$root/docs/builds.md"
