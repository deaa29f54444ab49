"""The sealing keys of each week: made, shared among holders, used, destroyed. And extracts for a station without a network."""
