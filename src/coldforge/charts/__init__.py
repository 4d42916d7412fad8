"""Charts as SVG: files of their own, or parts of a page. Each module is one kind of chart."""
