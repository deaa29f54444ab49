"""Read models of the centre's pages: what the database says, as values for the pages."""
