"""Countenance: find the photos of a person in collections that are lawfully held, on the record."""

__version__ = "0.1.0"
