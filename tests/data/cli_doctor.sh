#!/bin/sh
# cli_doctor.sh BITLOOM: bitloom doctor with tools that are there, broken, gone.
bitloom=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
mkdir "$dir/tools" "$dir/none"
for t in yosys nextpnr-ice40 icepack verilator iverilog g++ make; do
    printf '#!/bin/sh\necho; echo "Fake %s 1.2" >&2\n' "$t" >"$dir/tools/$t"
    chmod +x "$dir/tools/$t"
done

# doctor STATUS WORDS ARGS...
doctor() {
    want=$1 words=$2
    shift 2
    PATH=$path LOOM_TOOLS=$tools XDG_DATA_HOME=$dir "$bitloom" doctor "$@" \
        >"$dir/out" 2>&1
    status=$?
    if [ $status != "$want" ]; then
        echo "FAILED: bitloom doctor $*: status $status, not $want"
        cat "$dir/out"
        bad=1
    fi
    for w in $words; do
        grep -qF -e "$w" "$dir/out" && continue
        echo "FAILED: bitloom doctor $*: no '$w'"
        cat "$dir/out"
        bad=1
    done
}

path=$dir/none tools=$dir/tools
doctor 0 'Fake yosys nextpnr-ecp5 sqlite cores none'
doctor 0 '"ok":true "install":"" bitloom/doctor/1 "package":"fpga-icestorm"' \
    --json
tools=
doctor 1 'MISSING apt-get yosys fpga-icestorm verilator g++'
doctor 1 '"ok":false "works":false' --json
path=$dir/tools
printf '#!/bin/sh\nexit 3\n' >"$dir/tools/yosys"
doctor 1 'BROKEN --reinstall'
mkdir "$dir/bitloom" && head -c 999 /dev/zero >"$dir/bitloom/bitloom.db"
doctor 1 'unusable bitloom.db'
doctor 2 'unknown' --bogus
exit $bad
