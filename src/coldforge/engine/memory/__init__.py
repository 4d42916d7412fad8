"""What an engine takes of a card, before it is built."""
