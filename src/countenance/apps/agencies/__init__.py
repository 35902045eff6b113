"""Agencies and people."""
