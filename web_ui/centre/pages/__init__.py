"""Views of the centre's pages."""
