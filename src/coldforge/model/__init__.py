"""Train, quantise, evaluate and run language models; runs inside the runtime image."""
