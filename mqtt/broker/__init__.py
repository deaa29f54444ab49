"""The broker of a real site: mosquitto's configuration, its access list, and the certificates that both rest on."""
