"""The files of a bundle: index, volumes, payload, parity, signatures."""
