"""HTTP server, TLS, limits and live updates."""
