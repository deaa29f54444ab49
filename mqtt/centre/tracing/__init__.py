"""Tracing by case: who was where at the same time, asked by two officers together, and forgotten when the case ends."""
