#!/bin/sh
# Receive the bundle in this folder. After these lines follows a zip that Python runs.
for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9; do
    if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
        exec "$python" -I "$0" "$@"
    fi
done
printf 'error: %s\n hint: %s\n' 'Python 3.9 or newer is missing' 'install python3' >&2
exit 1
