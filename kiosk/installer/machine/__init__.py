"""The machine that is installed on: firmware files, system files, packages."""
