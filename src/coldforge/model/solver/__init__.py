"""The arithmetic of quantising: grids, Hessians, factors; the same bits on any number of cores."""
