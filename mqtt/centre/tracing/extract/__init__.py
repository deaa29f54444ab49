"""Extracts of the centre for a station without a network, so that the private keys never meet the online centre."""
