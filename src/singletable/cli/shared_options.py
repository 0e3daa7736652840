"""Options that several commands share."""

from __future__ import annotations

import click

__all__ = ["accept_edited_option"]

accept_edited_option = click.option(
    "--accept-edited", is_flag=True, help="Go on although a script was edited since it was begun or applied."
)
