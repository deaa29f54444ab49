"""The pages of one device, one file per page."""
