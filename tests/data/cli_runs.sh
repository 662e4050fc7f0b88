#!/bin/sh
# cli_runs.sh BITLOOM MAKE_STORE: bitloom runs on a store of three runs.
bitloom=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$2" "$dir/s" || exit 1
bad=0
fail() {
    echo "FAILED: $*"
    cat "$dir/out" "$dir/err"
    bad=1
}

# runs STATUS WORDS ARGS...: exit status, and words its output must have
runs() {
    want=$1 words=$2
    shift 2
    "$bitloom" runs "$@" --out "$dir/s" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$want" ] || fail "bitloom runs $*: status $status, not $want"
    for w in $words; do
        grep -qF -e "$w" "$dir/out" "$dir/err" ||
            fail "bitloom runs $*: no '$w'"
    done
}

runs 0 'muon-001 muon-002 jets-001 lost done failed 9000 mrad'
runs 0 'muon-001' ls muon --state done
grep -q muon-002 "$dir/out" && fail 'ls --state done lists a failed run'
runs 0 'muon-001 jets-001' ls --filter 'lc = 5870 or acc > 1 and ebops < 10k'
grep -q muon-002 "$dir/out" && fail 'ls --filter lists what does not pass'
runs 0 'muon-002' ls --json --filter 'beta > 1.5e-6 and state = failed'
grep -q muon-001 "$dir/out" && fail 'ls --json --filter lists what does not pass'
runs 2 'number ^' ls --filter 'ebops < x'
runs 2 'bogus' ls --filter 'bogus > 3'
runs 0 'bitloom/runs/1 "val_metric":2.0 "n_builds":1' --json
runs 0 '5870 144.1 p.loom best hx8k' show muon-001
runs 0 'not number' show muon-002
runs 0 '--resume' show jets-001
runs 0 'bitloom/run/1 "lc":5870 "script_text"' show muon-001 --json
runs 0 'beta 2e-6 differs' compare muon-001 muon-002
grep -q '^epochs  *3  *3' "$dir/out" || fail 'compare: the row of epochs'
grep -q seed "$dir/out" && fail 'compare shows what does not differ'
runs 0 'bitloom/compare/1' compare muon-001 jets-001 --json
runs 0 'epoch,loss 3,0.333333333,0,2,9000,0,0,0,1 2,0.5' \
    export muon-001 --csv -
runs 0 '' export muon-001 --csv "$dir/x.csv"
[ "$(wc -l <"$dir/x.csv")" = 4 ] || fail 'export: 3 rows and a header'
runs 0 '' tag muon-001 best
runs 0 '' tag muon-001 beta
runs 0 'best,beta' ls --tag beta
runs 0 '"tags":"beta"' tag muon-001 -best --json

# report STATUS WORDS ARGS...: bitloom report, as runs above.
report() {
    want=$1 words=$2
    shift 2
    "$bitloom" report "$@" --store "$dir/s" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$want" ] || fail "bitloom report $*: status $status"
    for w in $words; do
        grep -qF -e "$w" "$dir/out" "$dir/err" ||
            fail "bitloom report $*: no '$w'"
    done
}
report 0 r.html muon-001 jets-001 -o "$dir/r.html"
report 0 bitloom/report/1 muon-001 jets-001 -o "$dir/r2.html" --json
cmp "$dir/r.html" "$dir/r2.html" || fail 'two reports of the same runs differ'
for w in '<svg' 'class=.measured.>5870' '144.1' 'p.loom' 'accuracy'; do
    grep -q "$w" "$dir/r.html" || fail "report: no $w"
done
grep -E '<script|https?://|url\(|@import' "$dir/r.html" &&
    fail 'the report is not self-contained'
if command -v xmllint >/dev/null; then
    xmllint --noout "$dir/r.html" || fail 'report: not well-formed'
fi
report 2 'muon-999' muon-999 -o "$dir/r3.html"
[ -e "$dir/r3.html" ] && fail 'a failed report leaves a file'
report 2 'where' muon-001
report 2 'which' -o "$dir/r3.html"

runs 0 '' rm muon-001
[ -d "$dir/s/muon-001" ] && fail 'rm leaves the folder'
runs 2 'muon-001' show muon-001
runs 2 'muon-001' rm muon-001
runs 2 'state' ls --state odd
runs 2 'usage' show
runs 2 '--csv' export muon-002
runs 2 'cannot' export muon-002 --csv /nowhere/x.csv
runs 2 'bogus' bogus
runs 2 'comma' tag muon-002 a,b
runs 2 '--bogus' ls --bogus
rm -rf "$dir/s"
runs 0 'no runs here'
runs 0 '"runs":[]' --json
runs 2 'no runs here' show muon-002
mkdir "$dir/s" && head -c 4096 /dev/zero >"$dir/s/bitloom.db"
runs 2 'bitloom.db'
exit $bad
