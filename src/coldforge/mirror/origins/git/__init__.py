"""Git repositories: commits, submodules, LFS files, one tar of sources."""
