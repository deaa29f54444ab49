"""`/api/v1` of the centre: what a token of an account may read, as JSON, with its description."""
