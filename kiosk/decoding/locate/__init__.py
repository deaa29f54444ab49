"""Where a QR symbol lies in an image, and its module grid."""
