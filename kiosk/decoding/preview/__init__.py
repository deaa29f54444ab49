"""Images for people: the aiming preview and image files."""
