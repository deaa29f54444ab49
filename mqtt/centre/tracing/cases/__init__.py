"""Cases of tracing, their questions, and the keys that end with them."""
