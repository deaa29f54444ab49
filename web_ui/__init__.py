"""The pages: another process, which reads what the daemon publishes about itself and asks it politely."""
