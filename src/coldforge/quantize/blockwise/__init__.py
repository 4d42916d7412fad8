"""A model quantised block by block: memory holds one block, whatever the size of the model."""
