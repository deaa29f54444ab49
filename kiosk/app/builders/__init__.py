"""Build the parts of the daemon from sections of the configuration. Parts take plain arguments."""
