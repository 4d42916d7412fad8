"""The page as data: sections, tables, numbers and how they are formatted."""
