"""The page as HTML and Markdown."""
