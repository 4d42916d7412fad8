#!/bin/sh
# nvcc is CUDA 12.2's, and what it makes with GCC 10 is code for the three cards alone.
set -eu
nvcc --version | grep -q "release 12.2,"
cd /tmp
echo '__global__ void twice(float* x) { x[threadIdx.x] *= 2; }' >twice.cu
nvcc -ccbin g++-10 -c twice.cu -o twice.o \
    -gencode arch=compute_80,code=sm_80 -gencode arch=compute_86,code=sm_86 \
    -gencode arch=compute_89,code=sm_89
found=$(cuobjdump -lelf twice.o | grep -o 'sm_[0-9]*' | sort -u | tr '\n' ' ')
test "$found" = "sm_80 sm_86 sm_89 "
