"""Locates a QR symbol in an image and fits its module grid."""
