"""Commands for the upkeep of a device: memory cards, security updates, expired events."""
