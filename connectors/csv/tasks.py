"""Reminder tasks in `tasks.csv`: made once under their key, changed only where nobody else has changed them."""

from __future__ import annotations

from collections.abc import Callable

from lines import Json, Refusal
from tables import Folder, Row, Table

TASKS = "tasks.csv"
MADE = "made.json"

# The column that holds our key; `dealclock setup` makes it under this name.
KEY = "dealclock_key"


class Tasks:
    """The tasks of a folder, while it is locked."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._version = folder.version(TASKS)
        self.table: Table = folder.load(TASKS)
        # Keys of tasks that a person deleted stay known: a reminder that was deleted is not made again.
        self._made: dict[str, str] = folder.note(MADE) or {}
        self._made.update({row[KEY]: row["id"] for row in self.table.rows if row.get(KEY)})
        self._is_dirty = False

    def receipt_of(self, key: str) -> Json:
        """The proof that a task with this key was made; `None` where there is none."""
        task = self._made.get(key)
        if task is None:
            return None
        is_there = any(row["id"] == task for row in self.table.rows)
        return {"id": task, "found": True, "kept": [] if is_there else ["the task was deleted"]}

    def create(self, key: str, new: Json, is_record: Callable[[str], bool], is_person: Callable[[str], bool]) -> Json:
        """Makes a task, unless there is one with the same key."""
        if not self.table.has(KEY):
            raise Refusal("unauthorized", f"{TASKS} has no column {KEY}; run `dealclock setup`")
        made = self.receipt_of(key)
        if made is not None:
            return made
        record = new["record"]["id"] if new["record"] else ""
        if record and not is_record(record):
            raise Refusal("rejected", f"there is no opportunity {record}")
        if not is_person(new["owner"]):
            raise Refusal("rejected", f"there is no person {new['owner']}")
        task = str(1 + max((int(number) for number in self._made.values() if number.isdigit()), default=0))
        self.table.rows.append({
            "id": task,
            KEY: key,
            "record": record,
            "owner": new["owner"],
            "subject": " ".join(new["subject"].split()),
            "body": new["body"],
            "due_date": new["due_date"],
            "due_at": new["due_at"],
            "status": "open",
        })
        self._made[key] = task
        self._is_dirty = True
        return {"id": task}

    def update(self, update: Json) -> Json:
        """Changes fields of a task, each only while it holds what was last written."""
        task = update["task"]
        row = next((row for row in self.table.rows if row["id"] == task), None)
        if row is None:
            return {"id": task, "kept": ["the task was deleted"]}
        if row["status"] == "done" and update["set"].get("status") != "done":
            return {"id": task, "kept": ["the task was completed"]}
        wanted = dict(update["set"])
        if row["due_date"] not in (update["expect"].get("due_date"), wanted.get("due_date")):
            # A person moved the date; the instant that belongs to it is theirs too.
            wanted.pop("due_at", None)
        kept, changed = change(row, update["expect"], wanted)
        self._is_dirty |= changed
        return {"id": task, "found": not changed and not kept, "kept": kept}

    def keys_on(self, record: str) -> list[Json]:
        """Our keys on the tasks of a record, those of deleted tasks apart."""
        rows = (row for row in self.table.rows if row.get("record") == record and row.get(KEY))
        return [{"key": row[KEY], "task": row["id"]} for row in rows]

    def save(self) -> None:
        """Writes all changes at once."""
        if self._is_dirty:
            self._folder.save(TASKS, self.table, self._version)
        # After the tasks: a key that is noted without its task would be a reminder that never appears.
        if self._made != (self._folder.note(MADE) or {}):
            self._folder.keep(MADE, self._made)


def change(row: Row, expect: Json, wanted: Json) -> tuple[list[str], bool]:
    """Sets cells that hold what is expected; says which ones hold something else, and whether any was set."""
    kept: list[str] = []
    changed = False
    for name, value in wanted.items():
        cell = row.get(name, "")
        if cell == (value or ""):
            continue
        if cell != (expect.get(name) or ""):
            kept.append(f"the {name.replace('_', ' ')} was changed")
            continue
        row[name] = value or ""
        changed = True
    return kept, changed
