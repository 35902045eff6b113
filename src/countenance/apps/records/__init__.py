"""Ledger rows, keys and sealed columns: what every app that writes stands on."""
