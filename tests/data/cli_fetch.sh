#!/bin/sh
# cli_fetch.sh BITLOOM SERVE: data sets fetched from a server of this test:
# checked, kept, gone on with after an interruption; and what is said where
# something is wrong. Skipped where there is no curl.
bitloom=$(realpath "$1") serve=$(realpath "$2")
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }
dir=$(mktemp -d) || exit 1
cd "$dir" || exit 1
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY LOOM_DATA LOOM_TOOLS
export XDG_DATA_HOME="$dir/home" no_proxy=127.0.0.1
bad=0
fail() {
    echo "FAILED: $*"
    head -c 2000 out err
    bad=1
}

# Servers live as long as the other end of their standard input is open.
mkfifo hold
start() { # NAME OPTIONS...
    name=$1
    shift
    rm -f "$name.port"
    "$serve" www "$name.port" "$@" <hold 9>&- &
    while [ ! -s "$name.port" ]; do sleep 0.05; done
    eval "$name=http://127.0.0.1:$(cat "$name.port")"
}
trap 'exec 9>&-; rm -rf "$dir"' EXIT
exec 9<>hold
mkdir www
head -c 20000 "$bitloom" >www/a.bin
echo 'x,y,1,2' >b.csv
gzip -c b.csv >www/b.csv.gz
start good
start cut cut 7000
start norange norange

sum() {
    sha256sum "$1" | cut -c1-64
}
cat >list <<L
# the sets of this test
two a.bin $(sum www/a.bin) $good/a.bin
two b.csv.gz $(sum b.csv) $good/b.csv.gz  # of the content
cut a.bin $(sum www/a.bin) $cut/a.bin
plain a.bin $(sum www/a.bin) $norange/a.bin
wrong a.bin $(sum b.csv) $good/a.bin
gone c.bin $(sum b.csv) $good/c.bin
off a.bin $(sum b.csv) http://127.0.0.1:1/a.bin
L

fetch() { # STATUS ARGS...
    want=$1
    shift
    timeout 60 "$bitloom" fetch "$@" >out 2>err
    status=$?
    [ $status = "$want" ] || fail "fetch $*: status $status, not $want"
    [ "$want" = 0 ] || [ "$(wc -l <err)" = 1 ] || fail "fetch $*: not one line"
}
has() {
    for w; do
        grep -qF -e "$w" out err || fail "no '$w'"
    done
}

fetch 0 two --list list
has 'two: 2 files, as they should be'
cmp -s home/bitloom/data/two/a.bin www/a.bin || fail "a.bin"
cmp -s home/bitloom/data/two/b.csv.gz www/b.csv.gz || fail "b.csv.gz"
# Again: nothing is fetched. A file that was changed is.
fetch 0 two --list list --json
has '"schema":"bitloom/fetch/1"' '"how":"there"'
grep -q '"how":"fetched"' out && fail "fetched again"
echo changed >home/bitloom/data/two/a.bin
fetch 0 two --list list --json
has '"how":"fetched"' '"how":"there"'
cmp -s home/bitloom/data/two/a.bin www/a.bin || fail "a.bin, changed"

# A server that hangs up after 7,000 bytes: three tries bring all 20,000.
fetch 1 cut --list list --out d
has 'could not be fetched' 'goes on from there'
[ ! -e d/cut/a.bin ] && [ "$(stat -c %s d/cut/a.bin.part)" = 7000 ] ||
    fail "what came first"
fetch 1 cut --list list --out d
[ "$(stat -c %s d/cut/a.bin.part)" = 14000 ] || fail "what came second"
fetch 0 cut --list list --out d
cmp -s d/cut/a.bin www/a.bin || fail "a.bin in three"
# A server that cannot go on in the middle: from the start.
mkdir -p d/plain
head -c 5000 www/a.bin >d/plain/a.bin.part
fetch 0 plain --list list --out d
cmp -s d/plain/a.bin www/a.bin || fail "a.bin from the start"

fetch 2 wrong --list list --out d
has 'a.bin: not what it should be' 'removed'
[ -z "$(ls d/wrong)" ] || fail "something is left of a wrong file"
fetch 1 gone --list list --out d
has 'c.bin: could not be fetched' 404
fetch 1 off --list list --out d
has '127.0.0.1:1/a.bin: could not be fetched' 'onnect'
fetch 2 nothing
has 'no data set "nothing" is known; there is mnist, svhn'
# A set that is known, from a server that has something else under that name:
# ours, in the place of a proxy.
mkdir -p www/housenumbers
echo 'no pictures' >www/housenumbers/train_32x32.mat
export http_proxy="$good" no_proxy=
fetch 2 svhn --out d
has 'http://ufldl.stanford.edu/housenumbers/train_32x32.mat: not what it' \
    'expected 435e94d69a87fde4'
unset http_proxy
export no_proxy=127.0.0.1
fetch 2 two --list nowhere
has 'nowhere'
echo 'two a.bin 123 http://x' >badlist
fetch 2 two --list badlist
has 'badlist: line 1'
echo "two ../a.bin $(sum b.csv) http://x" >badlist
fetch 2 two --list badlist
has 'badlist: line 1'
fetch 2

# Scripts find what was fetched, and LOOM_DATA goes first.
echo 'print(loom.find("two/b.csv.gz"), loom.load(loom.find("two/b.csv.gz")).rows)
loom.train{}' >s.lua
timeout 60 "$bitloom" run s.lua --out store >out 2>err
has 'home/bitloom/data/two/b.csv.gz'
LOOM_DATA=$dir/first fetch 0 two --list list
cmp -s first/two/a.bin www/a.bin || fail "LOOM_DATA"
exit $bad
