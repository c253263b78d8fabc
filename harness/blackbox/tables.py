# SPDX-License-Identifier: MIT
"""Tables of cases, for pytest.mark.parametrize."""

import pytest


def cases(table, differs=()):
    """The values of a dict as parameters, its keys as their ids. `differs`: ids where mosquitto is known to deviate."""
    mark = pytest.mark.differs("tolerates it")
    return [pytest.param(value, id=key, marks=[mark] if key in differs else []) for key, value in table.items()]
