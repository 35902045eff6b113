"""Sources, galleries, enrolment and removal."""
