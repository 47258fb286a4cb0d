"""What a user is told when something cannot be done."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class Trouble(Exception):
    """One sentence that names the thing and says what to do; an operator reports it."""
