"""Which rows changed, and when: a spreadsheet has no such memory, so this keeps one beside it.

Each time the opportunities are looked at they are compared with the look before. What is new, changed or gone gets the
next number of one counter and the instant of the look. Reading goes on after a number, so nothing is left out between
two pages, however many rows changed at one instant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime

from lines import Json
from tables import Folder, Row, Table

OPPORTUNITIES = "opportunities.csv"
HISTORY = "history.csv"
PEOPLE = "people.csv"
SEEN = "seen.json"

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass
class Seen:
    """What is remembered of one row."""

    digest: str
    number: int
    stamp: str
    since: str
    gone: bool = False
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Memory:
    """What is remembered of all rows."""

    counter: int
    people: str
    records: dict[str, Seen]

    @staticmethod
    def load(folder: Folder) -> Memory:
        """The memory; an empty one at first."""
        note = folder.note(SEEN) or {"counter": 0, "people": "", "records": {}}
        return Memory(note["counter"], note["people"], {key: Seen(**seen) for key, seen in note["records"].items()})

    def save(self, folder: Folder) -> None:
        """Keeps it."""
        records = {key: asdict(seen) for key, seen in self.records.items()}
        folder.keep(SEEN, {"counter": self.counter, "people": self.people, "records": records})

    def after(self, number: int, limit: int) -> list[tuple[str, Seen]]:
        """Rows that changed after a number, in the order in which they changed."""
        changed = [(key, seen) for key, seen in self.records.items() if seen.number > number]
        return sorted(changed, key=lambda entry: entry[1].number)[:limit]


def look(folder: Folder, opportunities: Table, now: str, tracked: Iterable[str]) -> Memory:
    """Compares the rows with the last look, and keeps what changed in the memory and in the history."""
    memory = Memory.load(folder)
    columns = [column for column in tracked if opportunities.has(column)]
    past: list[Row] = []
    rows = {row["id"]: row for row in opportunities.rows if row.get("id")}
    for key, row in rows.items():
        past.extend(note_row(memory, key, row, now, columns))
    for key, seen in memory.records.items():
        if key not in rows and not seen.gone:
            memory.counter += 1
            seen.gone, seen.number, seen.stamp = True, memory.counter, max(now, seen.stamp)
    if past:
        # The history first: a look that ends between the two writes is repeated, and notes the same again.
        append_history(folder, past)
    memory.save(folder)
    return memory


def note_row(memory: Memory, key: str, row: Row, now: str, columns: list[str]) -> Iterator[Row]:
    """Notes one row; yields what is new in its history."""
    digest = hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()
    before = memory.records.get(key)
    if before and before.digest == digest and not before.gone:
        return
    memory.counter += 1
    stamp = max(now, before.stamp) if before else now
    since = before.since if before else instant_of(row, "created_at") or now
    values = {column: row[column] for column in columns}
    memory.records[key] = Seen(digest, memory.counter, stamp, since, values=values)
    for column, value in values.items():
        if before is None:
            entered = instant_of(row, "stage_entered_at") if column == "stage" else None
            yield {"record": key, "field": column, "since": entered or since, "value": value}
        elif before.values.get(column) != value:
            yield {"record": key, "field": column, "since": stamp, "value": value}


def instant_of(row: Row, column: str) -> str | None:
    """The instant in a cell; `None` where there is none, or something else, such as a date alone."""
    cell = row.get(column, "").strip()
    try:
        return cell if INSTANT.fullmatch(cell) and datetime.fromisoformat(cell) else None
    except ValueError:
        return None


def unreadable_instant(row: Row, column: str) -> str | None:
    """What stands in a cell in place of an instant, if anything does."""
    return None if instant_of(row, column) else row.get(column, "").strip() or None


def append_history(folder: Folder, past: list[Row]) -> None:
    """Adds rows to the history, those apart that are there already."""
    history = folder.load(HISTORY)
    known = {tuple(row.get(column) for column in ("record", "field", "since", "value")) for row in history.rows}
    new = [row for row in past if (row["record"], row["field"], row["since"], row["value"]) not in known]
    if new:
        history.rows.extend(new)
        folder.save(HISTORY, history)


def people_changed(memory: Memory, people: Table) -> bool:
    """Whether anybody changed since the last look; the first look is no change."""
    digest = hashlib.sha256(repr([sorted(row.items()) for row in people.rows]).encode()).hexdigest()
    before, memory.people = memory.people, digest
    return before not in ("", digest)


def cursor_number(cursor: Json) -> int:
    """The number after which a cursor goes on."""
    if cursor is None:
        return 0
    if isinstance(cursor, dict) and isinstance(cursor.get("after"), int):
        return int(cursor["after"])
    raise ValueError("the cursor is none of this program's")
