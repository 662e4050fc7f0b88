#!/bin/sh
# program.sh BITLOOM: bitstreams go to boards by the right tool with the right
# words; what the tool says when it fails comes through.
bitloom=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    cat "$dir/err"
    bad=1
}
mkdir "$dir/tools" "$dir/build"
for tool in iceprog openFPGALoader; do
    cat >"$dir/tools/$tool" <<S
#!/bin/sh
echo "$tool \$*" >"$dir/said"
echo init.. >&2
[ -e "$dir/unplugged" ] || exit 0
echo "Can't find the device on any port" >&2
echo ABORT. >&2
exit 3
S
    chmod +x "$dir/tools/$tool"
done
export LOOM_TOOLS="$dir/tools"
echo bits >"$dir/build/net.bin"
cat >"$dir/build/build.json" <<S
{"bitstream": "elsewhere/net.bin", "device": "ice40-hx8k-ct256"}
S

# program STATUS "WORDS" ARGS...: WORDS are what the tool was called with, or
# are in the error.
program() {
    want=$1 words=$2
    shift 2
    : >"$dir/said"
    "$bitloom" program "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$want" ] || fail "program $*: status $status, not $want"
    if [ "$want" = 0 ]; then
        [ "$(cat "$dir/said")" = "$words" ] ||
            fail "program $*: $(cat "$dir/said"), not $words"
    else
        grep -qF -e "$words" "$dir/err" || fail "program $*: no '$words'"
    fi
}
bin=$dir/build/net.bin
program 0 "iceprog -S $bin" "$dir/build"
program 0 "iceprog $bin" "$dir/build" --flash -q
program 0 "openFPGALoader --board icebreaker-bitsy --write-flash $bin" \
    "$dir/build" --board icebreaker-bitsy --flash
program 0 "openFPGALoader --board b --write-sram $bin" "$bin" --board b --json
grep -q '"tool": *"openFPGALoader"' "$dir/out" || fail 'no tool in the JSON'
program 0 "iceprog -S $bin" "$bin" --device up5k
program 2 'name the board' "$bin"
program 2 'not known' "$bin" --device nothing
program 2 'no such bitstream' "$dir/build/other.bin" --device up5k
program 2 'build.json' "$dir/tools"
program 2 'DIR or bitstream'
rm "$bin"
program 2 'net.bin: no such bitstream' "$dir/build"
echo bits >"$bin"
touch "$dir/unplugged"
program 1 "exit status 3: Can't find the device on any port" "$dir/build"
echo '{"bitstream": 3}' >"$dir/build/build.json"
program 2 'missing' "$dir/build"
exit $bad
