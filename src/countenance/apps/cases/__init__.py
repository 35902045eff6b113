"""Cases: what a search is for."""
