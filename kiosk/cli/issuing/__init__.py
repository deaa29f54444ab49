"""Commands of the issuer: keys, passes, trust lists and denylists."""
