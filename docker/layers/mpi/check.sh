#!/bin/sh
# A program in C++ compiles against it and runs on one rank, with nothing but /tmp to write.
set -eu
cd /tmp
cat >mpi.cpp <<'END'
#include <mpi.h>
int main(int argc, char** argv) {
    int size = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Finalize();
    return size == 1 ? 0 : 1;
}
END
# The wrapper prints flags; word splitting is what they are for.
# shellcheck disable=SC2046
"$CXX" $(mpicxx --showme:compile) mpi.cpp $(mpicxx --showme:link) -o mpi
./mpi
