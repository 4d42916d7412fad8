"""How far a quantised model strays from its original."""
