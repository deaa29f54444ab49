"""`kiosk doctor --acceptance`: the guided check of a real board."""
