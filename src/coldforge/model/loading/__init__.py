"""A checkpoint of any format as a Transformers model in float32."""
