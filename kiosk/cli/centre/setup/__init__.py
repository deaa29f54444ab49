"""Setting up a centre: answers, keys, files, the sheet of the keys, and the first account."""
