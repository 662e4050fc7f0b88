#!/bin/sh
# embed.sh NAME < text > header: the text as a C array `static const char NAME[]`
echo "static const char $1[] = {"
od -An -v -tu1 | sed 's/[0-9][0-9]*/&,/g'
echo "0};"
