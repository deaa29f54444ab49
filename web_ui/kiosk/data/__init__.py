"""What the pages show: read from status.json and the database."""
