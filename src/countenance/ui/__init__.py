"""What all screens share: base templates, stylesheet, drawings and form rendering."""
