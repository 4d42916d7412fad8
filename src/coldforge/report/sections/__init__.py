"""The parts of the page, one module each: results in, a section out, None without any."""
