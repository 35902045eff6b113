"""Four-eyes: what one person asks for, another decides, and a service then uses once."""
