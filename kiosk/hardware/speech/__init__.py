"""Spoken answers through a loudspeaker, for people who cannot see the lamps."""
