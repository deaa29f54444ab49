"""Installs, upgrades and removes the kiosk on a board: standard library only, because it runs before anything is installed."""
