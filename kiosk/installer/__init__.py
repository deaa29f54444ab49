"""Installs, upgrades and removes the kiosk. Standard library only: it runs before anything is installed."""
