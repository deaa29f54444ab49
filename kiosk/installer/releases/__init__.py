"""Releases side by side: which are there, the switch between them, its trial, and the way back."""
