"""The centre's side of commands to devices: a queue in the database, the signature, and the replies."""
