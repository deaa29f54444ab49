"""Who may do what at the centre: accounts, roles over areas, sessions of the pages, and the audit."""
