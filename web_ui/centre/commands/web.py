"""`kiosk centre web`."""
