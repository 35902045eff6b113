"""Photo bytes to faces and templates."""
