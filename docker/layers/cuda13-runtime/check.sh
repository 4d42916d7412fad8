#!/bin/sh
# Nothing to compile with: no compiler, no header, no static library, no link for a linker.
set -eu
for name in nvcc ptxas cicc cuobjdump gcc g++ cc c++ gcc-10 g++-10 clang ld as; do
    ! command -v "$name" || exit 1
done
found=$(find / -xdev \( -path /proc -o -path /sys -o -path /coldforge \) -prune -o \
    \( -name '*.h' -o -name '*.hpp' -o -name '*.cuh' -o -name '*.a' -o -path '/usr/local/*.so' \) -print \
    2>/dev/null || true)
test -z "$found" || {
    echo "$found"
    exit 1
}
