"""How a model is quantised: one module a method, listed in catalogue.py."""
