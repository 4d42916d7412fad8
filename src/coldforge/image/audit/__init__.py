"""What a compiled file needs: ELF, ld.so, device code."""
