#!/bin/sh
# Scripts get 3.9; Debian's own stay with Debian's Python.
set -eu
python3 -c 'import sys, ssl, sqlite3, lzma, ctypes; assert sys.version_info[:2] == (3, 9), sys.version'
/usr/bin/python3 -c 'import sys; assert sys.version_info[:2] == (3, 11), sys.version'
