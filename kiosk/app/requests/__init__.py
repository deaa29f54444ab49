"""What people ask of a running kiosk, and what lasts: a pause, and a restart."""
