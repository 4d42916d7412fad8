"""Quantisation methods: one module or package each."""
