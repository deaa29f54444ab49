"""The registry: areas as a dated tree, sites with their titles, and which device belongs to which site."""
