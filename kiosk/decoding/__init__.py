"""Decoding: a luma frame in, the bytes of its codes out."""

from kiosk.decoding.cascade import Cascade

__all__ = ["Cascade"]
