"""Entry points and wiring of the web app."""
