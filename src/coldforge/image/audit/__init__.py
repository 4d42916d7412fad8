"""Audits of compiled wheels: ELF, ld.so, device code."""
