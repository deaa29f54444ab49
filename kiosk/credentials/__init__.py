"""Every code that people in Hue carry: bytes in, a claim or a refusal out; nothing else, whatever the bytes."""

from kiosk.credentials.verifier import Dispatcher, known_grammar

__all__ = ["Dispatcher", "known_grammar"]
