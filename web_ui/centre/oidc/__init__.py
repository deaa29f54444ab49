"""Sign-in by an OpenID Connect provider (an extra of this package)."""
