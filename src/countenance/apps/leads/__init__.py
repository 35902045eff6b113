"""Leads: what a supervisor releases to the investigator, what became of it, and what is disclosed of a case."""
