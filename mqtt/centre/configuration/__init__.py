"""The configuration that the centre wants of its devices: by device, site, area and city. The nearest value counts."""
