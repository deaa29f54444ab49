"""Erasure of a person on request: at the centre at once, on devices when they connect, with a certificate. And breach sheets."""
