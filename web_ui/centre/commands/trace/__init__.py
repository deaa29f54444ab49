"""`kiosk trace`: cases, questions, keys and extracts of tracing."""
