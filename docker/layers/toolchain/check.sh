#!/bin/sh
# The compilers are what toolchain/ says they are: its probes, mounted here, prove it.
exec /bin/sh /coldforge/in/probes/probe
