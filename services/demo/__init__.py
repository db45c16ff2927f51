"""The demonstration: real trips through the whole exchange, and a report that says what became of them."""
