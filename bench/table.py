"""One number of the benchmark, the table people read, and the JSON that machines read."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """`value` in `unit`, beside `other` of the peer or baseline `other_name`, and what is asked of it."""

    section: str
    name: str
    value: float
    unit: str
    other: float | None = None
    other_name: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the number is as asked; None where nothing is asked. NaN never holds."""
        if self.at_least is None and self.at_most is None:
            return None
        low = self.at_least is None or self.value >= self.at_least
        high = self.at_most is None or self.value <= self.at_most
        return bool(low and high)

    def asked(self) -> str:
        """What is asked, for people."""
        words = []
        if self.at_least is not None:
            words.append(f"at least {self.at_least:.4g}")
        if self.at_most is not None:
            words.append(f"at most {self.at_most:.4g}")
        return ", ".join(words)


def show(rows: list[Row], console: Console) -> None:
    """Print one table a section."""
    for section in dict.fromkeys(row.section for row in rows):
        table = Table(title=section, title_justify="left", title_style="bold")
        for column, justify in (("", "left"), ("Likeness", "right"), ("beside", "right"), ("asked", "left")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        table.add_column("holds")
        for row in rows:
            if row.section == section:
                beside = "" if row.other is None else f"{row.other:.4g} {row.other_name}"
                verdict = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[row.holds]
                table.add_row(row.name, f"{row.value:.4g} {row.unit}", beside, row.asked(), verdict)
        console.print(table)


def write(path: Path, rows: list[Row], facts: dict[str, Any]) -> None:
    """Write every number with what machine it was measured on."""
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    data = {"machine": machine | facts, "rows": [_plain(row) for row in rows]}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n")
    part.replace(path)


def _plain(row: Row) -> dict[str, Any]:
    """A row as JSON data, in which a number that is none is null."""
    values = {k: v.item() if isinstance(v, np.generic) else v for k, v in asdict(row).items()}
    values |= {"holds": row.holds}
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}
