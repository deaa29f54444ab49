"""`kiosk doctor`: checks of this device and its camera."""
