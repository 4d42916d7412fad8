"""The parts of other tasks' results that the page shows."""
