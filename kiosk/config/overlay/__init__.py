"""Settings that the centre or the page of the device changed. They count over the configuration file, and are tried first."""
