#!/bin/sh
# The tasks are there, from where the image starts.
set -eu
cd /opt/coldforge
invoke --list | grep -q quantize
