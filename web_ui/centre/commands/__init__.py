"""Commands of `kiosk centre` for the registry, the accounts, the audit and the pages."""
