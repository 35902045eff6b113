"""The integration tests' deployment, for requests of any kind."""

from __future__ import annotations

import pytest
from integration import conftest as integration
from integration.conftest import Deployment, deployment  # noqa: F401 # a fixture


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL and Django, unless the integration tests of the same run did."""
    from django.conf import settings as django_settings

    if not django_settings.configured:
        integration.pytest_configure(config)


def pytest_unconfigure() -> None:
    """Stop PostgreSQL."""
    integration.pytest_unconfigure()
