"""The app's place in Django."""

from __future__ import annotations

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Templates and static files that every screen shares."""

    name = "countenance.ui"
    label = "ui"
