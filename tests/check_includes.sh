#!/bin/sh
# Floors: engine <- fpga_flow <- lua <- tui. An include may only go left.
# Every project include is written from the root ("engine/err.h").
cd "$1" || exit 2
bad=0
floor() {
    case $1 in
    engine/*) echo 1 ;; fpga_flow/*) echo 2 ;; lua/*) echo 3 ;; tui/*) echo 4 ;;
    *) echo 9 ;;
    esac
}
n=0
for f in $(find engine fpga_flow lua tui -name '*.[ch]'); do
    from=$(floor "$f")
    for inc in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$f"); do
        case $inc in */*) ;; *) continue ;; esac # made by the build
        n=$((n + 1))
        if [ "$(floor "$inc")" -gt "$from" ]; then
            echo "$f: includes $inc, which is on a higher floor"
            bad=1
        fi
    done
    for lib in 'curses.h:4' 'lua.h:3' 'lauxlib.h:3' 'pcre2.h:2'; do
        h=${lib%:*}
        if [ "$from" -lt "${lib#*:}" ] && grep -q "<$h>" "$f"; then
            echo "$f: includes <$h>, which this floor knows nothing of"
            bad=1
        fi
    done
done
[ "$n" -gt 0 ] || { echo "no include found: the test is blind"; exit 1; }
exit $bad
