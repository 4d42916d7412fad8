"""How fast engines answer, and what memory they take, in the terms of the field."""
