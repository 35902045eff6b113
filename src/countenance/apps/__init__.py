"""Django apps, one a part of the work."""
