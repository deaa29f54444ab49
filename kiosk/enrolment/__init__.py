"""Enrolment of this device at the centre: the QR code that invites it, its key and certificate, renewal, and the reset."""
