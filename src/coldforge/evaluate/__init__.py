"""Perplexity, KL divergence and HumanEval of a model against its original."""
