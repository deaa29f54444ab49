"""`kiosk centre`: run the centre, set it up, look at it, back it up."""
