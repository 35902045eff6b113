"""What examiners compare, how they conclude, and how their conclusions combine; no database, no screen.

The method is morphological analysis: features are described component by component, the probe's before
any candidate is seen, and nothing is measured in the photo. The components follow the list that FISWG's
"Facial Image Comparison Feature List for Morphological Analysis" (version 2.0, 2018) and ASTM E3149 name;
the words are our own.
"""
