#!/bin/sh
# Start the Python beside this script with its own loader and libraries, whatever the host has.
# It finds its library by the link `lib`, so no variable is set that other programs would inherit.
# Nothing is imported from the folder it is started in, or from the user's own packages.
here=${0%/*}
libraries=$here/root/usr/lib/x86_64-linux-gnu
unset PYTHONHOME
exec "$libraries/ld-linux-x86-64.so.2" --inhibit-cache --library-path "$libraries" \
    --argv0 "$0" "$here/root/usr/bin/python" -P -s "$@"
