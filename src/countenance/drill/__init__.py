"""The breach drill: a throw-away deployment full of planted secrets, and the thieves who look for them.

Nothing of the product imports this package. What takes the cipher out for the control lives here
(`host`), works on a home that it has just made itself, and can be reached by no setting.
"""
