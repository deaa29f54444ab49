"""The demo of a small city: a centre with its pages, two wards, six gates, and a seventh that enrols by a QR code."""
