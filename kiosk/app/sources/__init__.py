"""Where codes come from: the threads of camera and scanner, and the slot in which the gate thread finds what they brought."""
