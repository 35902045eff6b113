"""The drill's browser, for tests that only need the requests."""

from countenance.drill.browser import TOKEN, Browser

__all__ = ["TOKEN", "Browser"]
