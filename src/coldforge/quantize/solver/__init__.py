"""The arithmetic of quantisation: grids, Hessians, Cholesky factors."""
