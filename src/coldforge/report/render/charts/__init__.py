"""Charts of the report page as SVG of any width."""
