"""A model directory on disk: config, safetensors files, linear layers."""
