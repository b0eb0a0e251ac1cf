"""CSV tables with labels, and what can be wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a UTF-8 csv file that has these columns, and maybe others. Raises InputError."""
    numbered = read_numbered(path, columns)
    rows = [row for _, row in numbered]
    for number, row in enumerate(rows, 1):
        if any(row[column] is None for column in columns):
            raise InputError(f"{path}: row {number} is cut short; each needs {', '.join(columns)}")
    return rows


def read_numbered(path: Path, columns: Sequence[str] = ()) -> list[tuple[int, dict[str, str]]]:
    """The rows with the number of the line that each ends in; cells that a row lacks are None. Raises InputError."""
    if not path.is_file():
        wrong = "is a folder; name a csv file" if path.is_dir() else "is missing; name a csv file that is there"
        raise InputError(f"{path} {wrong}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = [(table.line_num, row) for row in table]
            found = table.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as csv ({error}); name a UTF-8 csv file") from error
    if len(found) == 1 and (sign := next((sign for sign in ";\t" if sign in found[0]), "")):
        name = {";": "semicolons", "\t": "tabs"}[sign]
        raise InputError(f"{path} has {name} between its columns; save it with commas")
    if repeated := sorted({column for column in found if column and found.count(column) > 1}):
        raise InputError(f"{path} has the column {repeated[0]} twice; keep the one that holds")
    if missing := [column for column in columns if column not in found]:
        raise InputError(f"{path} has no column {', '.join(missing)}; its first line must name {', '.join(columns)}")
    if not rows:
        raise InputError(f"{path} has no rows below the line that names its columns; add some, or name another file")
    return rows


def numbers_of(path: Path, names: Sequence[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """int64 [n]: the place of each name among `labels`. Raises InputError, which names the file at `path`."""
    if unknown := sorted(set(names) - set(labels)):
        raise InputError(f"{path} has the label {unknown[0]!r}; labels must be {', '.join(labels)}")
    return np.array([labels.index(name) for name in names], np.int64)
