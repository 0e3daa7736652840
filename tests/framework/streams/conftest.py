"""Fixtures that several tests of streams use."""

import logging

import pytest


@pytest.fixture
def logged(capsys):
    """Return pytest's capture; the logger of a Lambda handler writes to it, and all loggers are restored afterwards.

    It keeps the standard output that it first found, and takes the framework's own logger over.
    """
    own = logging.getLogger("singletable")
    before = own.handlers, own.propagate, own.level
    _forget()
    yield capsys
    _forget()
    own.handlers, own.propagate, own.level = before


def _forget():
    for name in ("app-stream", "shop-stream"):
        logging.root.manager.loggerDict.pop(name, None)
