"""The pure part of tracing: passages to stays, stays to contacts, all to answers."""
