"""One module per kind of code, which recognises and parses it."""
