#!/bin/sh
# install-ecp5.sh [PREFIX]: Yosys, nextpnr-ecp5 and ecppack for ECP5 builds.
# Where the system's own packages have them (Debian 13), with apt. Elsewhere
# (Debian 12) Debian 13's packages are unpacked into PREFIX, which `bitloom`
# searches after LOOM_TOOLS and PATH; the system itself is not touched: apt
# works on a state of its own, and the programs run with PREFIX/usr mounted
# over /usr in a mount namespace of their own.
set -eu
prefix=${1:-${XDG_DATA_HOME:-$HOME/.local/share}/bitloom/ecp5}
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
programs='yosys nextpnr-ecp5 nextpnr-ice40 ecppack icepack'

fail() {
    echo "install-ecp5: $*" >&2
    exit 1
}

if command -v nextpnr-ecp5 >/dev/null && command -v ecppack >/dev/null; then
    echo "nextpnr-ecp5 and ecppack are installed: $(command -v nextpnr-ecp5)"
    exit 0
fi
if apt-cache show nextpnr-ecp5 >/dev/null 2>&1; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    exec env DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq \
        --no-install-recommends yosys nextpnr-ecp5 fpga-trellis
fi
if [ -x "$prefix/bin/ecppack" ]; then
    echo "installed already: $prefix"
    exit 0
fi

# How a program comes to see PREFIX/usr as /usr: as root, or as a user in a
# user namespace of his own.
enter='unshare -m'
[ "$(id -u)" = 0 ] || enter='unshare -rm'
$enter true 2>/dev/null ||
    fail "\"$enter\" is refused here (a container, or" \
        "kernel.unprivileged_userns_clone=0), so Debian 13's programs cannot" \
        "run beside Debian 12; unpack oss-cad-suite and name its bin folder" \
        "in LOOM_TOOLS"
[ -r "$keyring" ] || fail "$keyring is missing: apt-get install" \
    "debian-archive-keyring"

# The mirror that the system itself uses.
mirror=$(sed -n 's/^URIs: *\([^ ]*\/debian\)\/*$/\1/p
    s/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\/debian\)\/* .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
[ -n "$mirror" ] || fail "no Debian mirror is named in /etc/apt"

# Beside the prefix, so that a finished one is there with one rename.
mkdir -p "$(dirname "$prefix")"
work=$(mktemp -d "$prefix.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root/bin"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"

apt() {
    apt-get -qq -o Dir::State="$work" -o Dir::State::lists="$work/lists" \
        -o Dir::State::status="$work/status" -o Dir::Cache="$work" \
        -o Dir::Cache::archives="$work/archives" \
        -o Dir::Etc::sourcelist="$work/sources.list" \
        -o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=- \
        -o Dir::Etc::trustedparts=- -o APT::Sandbox::User="$(id -un)" \
        -o APT::Update::Error-Mode=any -o Debug::NoLocking=1 \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}

echo "fetching Debian 13's packages (about 75 MB) into $prefix" >&2
apt update 2>"$work/log" || {
    tail -n 3 "$work/log" >&2
    fail "the package lists cannot be fetched; is there a network?"
}
apt install -y --download-only --no-install-recommends \
    yosys nextpnr-ecp5 nextpnr-ice40 fpga-trellis fpga-icestorm dash coreutils \
    >"$work/log" 2>&1 || {
    tail -n 5 "$work/log" >&2
    fail "the packages cannot be fetched; is there a network, and room?"
}
for deb in "$work"/archives/*.deb; do
    dpkg -x "$deb" "$work/root" || fail "$deb cannot be unpacked"
done

for name in $programs; do
    cat >"$work/root/bin/$name" <<W
#!/bin/sh
# $name of Debian 13, with its own /usr.
usr=\$(cd "\$(dirname "\$0")/../usr" && pwd) || exit 127
enter='unshare -m'
[ "\$(id -u)" = 0 ] || enter='unshare -rm'
exec \$enter sh -c 'mount --bind "\$0" /usr && exec "\$@"' "\$usr" \\
    /usr/bin/$name "\$@"
W
    chmod +x "$work/root/bin/$name"
done
"$work/root/bin/nextpnr-ecp5" --version >"$work/log" 2>&1 &&
    "$work/root/bin/yosys" -V >>"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "what was unpacked does not run"
}
rm -rf "$prefix"
mv "$work/root" "$prefix"
sed 's/^/installed: /' "$work/log" >&2
echo "$prefix"
