"""Model families: one module each, for quantiser, engines, loader check and memory alike."""
