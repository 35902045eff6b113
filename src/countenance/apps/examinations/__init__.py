"""Examinations: what two examiners, each for themselves, say about the candidates of a search."""
