"""Charts as SVG that fits any width: places across are shares of it, letters keep their size."""
