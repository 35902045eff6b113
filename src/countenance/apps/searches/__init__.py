"""Probes, searches and candidates."""
