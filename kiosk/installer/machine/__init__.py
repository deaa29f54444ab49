"""The machine of the installation: firmware files, system files, packages."""
