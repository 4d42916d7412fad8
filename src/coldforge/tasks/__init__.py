"""The Invoke namespaces; each task parses, calls one function and prints."""
