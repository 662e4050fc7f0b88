#!/bin/sh
# The program without a screen links no curses: the wall around tui/term.c
# stands. Usage: no_curses.sh PROGRAM
command -v readelf >/dev/null || exit 77
needed=$(readelf -d "$1") || exit 1
echo "$needed" | grep -q NEEDED || { echo "no library: blind"; exit 1; }
if echo "$needed" | grep -qE 'curses|tinfo'; then
    echo "$1 needs curses"
    exit 1
fi
