"""Engines that turn an image into the bytes of a code."""
