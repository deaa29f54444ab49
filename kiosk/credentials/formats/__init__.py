"""One file per kind of code: recognise and parse it."""
