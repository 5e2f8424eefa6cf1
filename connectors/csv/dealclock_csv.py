#!/usr/bin/env python3
"""A connector of one's own for Dealclock: a "CRM" that is a directory of CSV files.

Usage: dealclock_csv.py DIRECTORY [--zone ZONE] [--currency CODE]
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import changes
from changes import HISTORY, OPPORTUNITIES, PEOPLE, Memory, Seen
from lines import Json, Refusal, Verb, serve
from tables import Folder, Row, Table
from tasks import KEY, TASKS, Tasks, change

PROTOCOL = 1
PAGE = 200

# Canonical names whose values stand in columns of the same name, with their types.
COLUMNS = {
    "name": "text",
    "amount": "number",
    "currency": "text",
    "stage": "text",
    "pipeline": "text",
    "close_date": "date",
    "is_closed": "bool",
    "is_won": "bool",
}

# What each file must have; `setup` adds the columns that only Dealclock needs.
NEEDED = {
    OPPORTUNITIES: ("id", "name", "amount", "stage", "owner"),
    TASKS: ("id", "record", "owner", "subject", "body", "due_date", "due_at", "status"),
    PEOPLE: ("id", "name", "email", "active"),
    HISTORY: ("record", "field", "since", "value"),
}

# The instants at which a record entered a stage, by both.
Entered = Mapping[tuple[str, str], list[str]]

TRUE = ("true", "yes", "1", "x")
FALSE = ("", "false", "no", "0")


class Crm:
    """The verbs of the protocol over one directory."""

    def __init__(self, folder: Folder, zone: str, currency: str) -> None:
        self._folder = folder
        self._zone = zone
        self._currency = currency
        # By canonical name: the column and its type, and the stages whose entry is meant.
        self._columns: dict[str, tuple[str, str]] = {}
        self._entries: dict[str, list[str]] = {}

    def verbs(self) -> dict[str, Verb]:
        """The verbs by the names of their methods."""
        return {
            "initialize": self.initialize,
            "check": self.check,
            "discover": self.discover,
            "changes": self.changes,
            "fetch": self.fetch,
            "apply": self.apply,
            "find": self.find,
            "written": self.written,
            "history": self.history,
            "provision.plan": self.plan,
            "provision.make": self.make,
        }

    def initialize(self, asked: Mapping[str, Json]) -> Json:
        """Learns the mapping and says what this is."""
        if asked["protocol"] != PROTOCOL:
            raise Refusal("rejected", f"this speaks version {PROTOCOL} of the protocol")
        for name, source in asked["fields"].get("opportunity", {}).items():
            if "field" in source:
                self._columns[name] = (source["field"]["name"], source["field"]["type"])
            else:
                self._entries[name] = source["stage_entered"]["stages"]
        return {"protocol": PROTOCOL, "label": "CSV files", "abilities": ["history", "provision"]}

    def check(self, asked: Mapping[str, Json]) -> Json:
        """Whether the files are there, can be written, and have the columns that are needed."""
        problems = []
        with self._folder.locked():
            for name, needed in NEEDED.items():
                try:
                    missing = [column for column in needed if not self._folder.load(name).has(column)]
                except Refusal as refusal:
                    problems.append(problem(refusal.message, "put the file right; README says what belongs into it"))
                    continue
                if missing:
                    what = f"{name} has no column {', '.join(missing)}"
                    problems.append(problem(what, "add the columns; README says what belongs into them"))
            problems.extend(self._missing_fields())
            account = self._folder.note("account.json") or str(uuid.uuid4())
            self._folder.keep("account.json", account)
        return {
            "account": account,
            "zone": self._zone,
            "currency": self._currency,
            "once": "exactly",
            "problems": problems,
        }

    def _missing_fields(self) -> list[Json]:
        try:
            tasks, opportunities = self._folder.load(TASKS), self._folder.load(OPPORTUNITIES)
        except Refusal:
            return []
        missing = [] if tasks.has(KEY) else [f"{TASKS} has no column {KEY}"]
        for name, (column, _) in self._columns.items():
            if not opportunities.has(column):
                missing.append(f"{OPPORTUNITIES} has no column {column}, mapped to {name}")
        return [problem(what, "run `dealclock setup` for the connection") for what in missing]

    def discover(self, asked: Mapping[str, Json]) -> Json:
        """Columns, stages and people."""
        with self._folder.locked():
            table, people = self._folder.load(OPPORTUNITIES), self._folder.load(PEOPLE)
        types = {column: kind for column, kind in self._columns.values()}
        fields = [
            {"name": column, "type": types.get(column, COLUMNS.get(column, "text")), "writable": column not in COLUMNS}
            for column in table.columns
        ]
        pipelines: dict[str, dict[str, Json]] = {}
        for row in table.rows:
            pipeline = row.get("pipeline") or "default"
            closed, won = truth(row, "is_closed"), truth(row, "is_won")
            stage = {"id": row["stage"], "label": row["stage"], "closed": closed, "won": won}
            pipelines.setdefault(pipeline, {}).setdefault(row["stage"], stage)
        return {
            "fields": {"opportunity": fields},
            "pipelines": [
                {"id": name, "label": name, "stages": list(stages.values())} for name, stages in pipelines.items()
            ],
            "people": [person(row) for row in people.rows],
        }

    def changes(self, asked: Mapping[str, Json]) -> Json:
        """Rows that changed after the cursor, in pages."""
        try:
            after = changes.cursor_number(asked["cursor"])
        except ValueError as error:
            raise Refusal("rejected", str(error)) from error
        with self._folder.locked():
            table, memory = self._look(asked["now"])
            people_changed = changes.people_changed(memory, self._folder.load(PEOPLE))
            memory.save(self._folder)
            entered = self._entered()
        rows = {row["id"]: row for row in table.rows}
        found = memory.after(after, PAGE)
        last = found[-1][1].number if found else after
        return {
            "changes": [self._change(key, seen, rows.get(key), entered) for key, seen in found],
            "cursor": {"after": last},
            "more": last < memory.counter and bool(found),
            "as_of": asked["now"],
            "people_changed": people_changed,
        }

    def fetch(self, asked: Mapping[str, Json]) -> Json:
        """The state of some rows now."""
        with self._folder.locked():
            table, memory = self._look(asked["now"])
            entered = self._entered()
        rows = {row["id"]: row for row in table.rows}
        states = []
        for record in asked["records"]:
            key = record["id"]
            seen = memory.records.get(key) or Seen("", 0, asked["now"], asked["now"], gone=True)
            states.append(self._change(key, seen, rows.get(key), entered))
        return {"changes": states}

    def apply(self, asked: Mapping[str, Json]) -> Json:
        """Carries writes out: each on its own, and all of them saved at once."""
        with self._folder.locked():
            version = self._folder.version(OPPORTUNITIES)
            opportunities, tasks = self._folder.load(OPPORTUNITIES), Tasks(self._folder)
            rows = {row["id"]: row for row in opportunities.rows}
            people = {row["id"] for row in self._folder.load(PEOPLE).rows}
            results, is_dirty = [], False
            for write in asked["writes"]:
                try:
                    if "create_task" in write:
                        new = write["create_task"]
                        receipt = tasks.create(write["key"], new, rows.__contains__, people.__contains__)
                    elif "update_task" in write:
                        receipt = tasks.update(write["update_task"])
                    else:
                        receipt, changed = self._update_record(rows, write["update_record"])
                        is_dirty |= changed
                    results.append({"key": write["key"], "receipt": receipt})
                except Refusal as refusal:
                    error = {**refusal.data(), "message": refusal.message}
                    results.append({"key": write["key"], "error": error})
            if is_dirty:
                self._folder.save(OPPORTUNITIES, opportunities, version)
            tasks.save()
        return {"results": results}

    def _update_record(self, rows: dict[str, Row], update: Json) -> tuple[Json, bool]:
        key = update["record"]["id"]
        if key not in rows:
            return {"id": key, "kept": ["the opportunity was deleted"]}, False
        columns, kinds = self._columns, dict(self._columns.values())
        for name in update["set"]:
            if name not in columns:
                raise Refusal("rejected", f"{name} is mapped to no column")
        wanted = {columns[name][0]: text_of(value) for name, value in update["set"].items()}
        expect = {columns[name][0]: text_of(value) for name, value in update["expect"].items() if name in columns}
        # A ticked cell may be written in several ways; they are compared as the value that they mean.
        cells = {column: text_of(value_of(rows[key].get(column, ""), kinds[column])) for column in wanted}
        before = dict(cells)
        kept, changed = change(cells, expect, wanted)
        rows[key].update({column: cell for column, cell in cells.items() if cell != before[column]})
        return {"id": key, "found": not changed and not kept, "kept": kept}, changed

    def find(self, asked: Mapping[str, Json]) -> Json:
        """Which tasks were made, those included that a person deleted."""
        with self._folder.locked():
            tasks = Tasks(self._folder)
        keys = [write["key"] for write in asked["writes"]]
        return {"found": [{"key": key, "receipt": tasks.receipt_of(key)} for key in keys]}

    def written(self, asked: Mapping[str, Json]) -> Json:
        """Our keys on the tasks of some rows."""
        with self._folder.locked():
            tasks = Tasks(self._folder)
        ids = [record["id"] for record in asked["records"]]
        return {"written": [{"record": key, "tasks": tasks.keys_on(key)} for key in ids]}

    def history(self, asked: Mapping[str, Json]) -> Json:
        """What fields held before."""
        with self._folder.locked():
            rows = self._folder.load(HISTORY).rows
        columns = {name: name for name in COLUMNS} | {name: column for name, (column, _) in self._columns.items()}
        kinds = COLUMNS | {name: kind for name, (_, kind) in self._columns.items()}
        past = []
        for record in asked["records"]:
            fields = {}
            for name in asked["fields"]:
                entries = [
                    {"since": row["since"], "value": value_of(row["value"], kinds[name])}
                    for row in rows
                    if changes.instant_of(row, "since") and name in columns and (row["record"], row["field"]) == (record["id"], columns[name])
                ]
                if entries:
                    fields[name] = sorted(entries, key=lambda entry: entry["since"])
            past.append({"record": record["id"], "fields": fields})
        return {"history": past}

    def plan(self, asked: Mapping[str, Json]) -> Json:
        """Which columns are missing."""
        with self._folder.locked():
            tables = {True: self._folder.load(TASKS), False: self._folder.load(OPPORTUNITIES)}
        items = []
        for need in asked["needs"]:
            file = TASKS if need["on_tasks"] else OPPORTUNITIES
            state = "present" if tables[need["on_tasks"]].has(need["name"]) else "missing"
            items.append({"name": need["name"], "what": f"column in {file}: {need['label']}", "state": state})
        return {"items": items}

    def make(self, asked: Mapping[str, Json]) -> Json:
        """Adds one column."""
        need = next(need for need in asked["needs"] if need["name"] == asked["make"])
        file = TASKS if need["on_tasks"] else OPPORTUNITIES
        with self._folder.locked():
            version, table = self._folder.version(file), self._folder.load(file)
            if not table.has(need["name"]):
                table.columns.append(need["name"])
                self._folder.save(file, table, version)
        return {}

    def _look(self, now: str) -> tuple[Table, Memory]:
        table = self._folder.load(OPPORTUNITIES)
        missing = [column for column, _ in self._columns.values() if not table.has(column)]
        if missing:
            # Taken for empty, a column that is gone would fire reminders.
            what = f"{OPPORTUNITIES} has no column {missing[0]}"
            raise Refusal("rejected", f"{what}; restore it, or run `dealclock setup`")
        tracked = dict.fromkeys(["stage", "amount", "close_date", *(column for column, _ in self._columns.values())])
        return table, changes.look(self._folder, table, now, tracked)

    def _entered(self) -> Entered:
        """When each opportunity entered each stage, in order."""
        entered: dict[tuple[str, str], list[str]] = {}
        for row in self._folder.load(HISTORY).rows:
            if row["field"] == "stage" and changes.instant_of(row, "since"):
                entered.setdefault((row["record"], row["value"]), []).append(row["since"])
        return {place: sorted(times) for place, times in entered.items()}

    def _change(self, key: str, seen: Seen, row: Row | None, entered: Entered) -> Json:
        if row is None or seen.gone:
            return {"state": "deleted", "id": key, "stamp": seen.stamp}
        if row.get("merged_into"):
            return {"state": "merged", "id": key, "stamp": seen.stamp, "into": row["merged_into"]}
        fields = {name: value_of(row.get(name, ""), kind) for name, kind in COLUMNS.items()}
        for name, (column, kind) in self._columns.items():
            fields[name] = value_of(row.get(column, ""), kind)
        for name, stages in self._entries.items():
            fields[name] = min((entered[key, stage][0] for stage in stages if (key, stage) in entered), default=None)
        fields.update(
            amount_record=fields["amount"],
            currency=fields["currency"] or self._currency,
            stage_id=fields["stage"],
            # What is no instant stays as it is, and parks the row: nobody knows from when its clock counts.
            stage_entered_at=changes.unreadable_instant(row, "stage_entered_at")
            or entered.get((key, fields["stage"] or ""), [None])[-1],
            created_at=row.get("created_at", "").strip() or seen.since,
            modified_at=seen.stamp,
        )
        return {"state": "present", "id": key, "stamp": seen.stamp, "owner": row.get("owner", ""), "fields": fields}


def problem(what: str, way_out: str) -> Json:
    """Something that stands in the way."""
    return {"what": what, "way_out": way_out, "fatal": True}


def person(row: Row) -> Json:
    """A person."""
    return {
        "id": row["id"],
        "name": row["name"],
        "email": row.get("email", ""),
        "zone": row.get("zone") or None,
        "active": truth(row, "active"),
        "manager": row.get("manager") or None,
    }


def truth(row: Row, column: str) -> bool:
    """Whether a cell is ticked."""
    return row.get(column, "").strip().lower() in TRUE


def value_of(cell: str, kind: str) -> Json:
    """A cell as a value. One that cannot be read stays as it is: Dealclock then parks the record and says why."""
    cell = cell.strip() if kind != "text" else cell
    if kind == "bool" and cell.lower() in TRUE + FALSE:
        return cell.lower() in TRUE
    return cell or None


def text_of(value: Json) -> str:
    """A value as a cell."""
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else str(value)


def main() -> None:
    """Serves one directory until the end."""
    parser = argparse.ArgumentParser(description="A CRM in CSV files, for Dealclock.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--zone", default="UTC", help="the company's time zone, such as Europe/Berlin")
    parser.add_argument("--currency", default="EUR", help="the company's currency, such as EUR")
    options = parser.parse_args()
    try:
        ZoneInfo(options.zone)
    except (ZoneInfoNotFoundError, ValueError):
        parser.error(f"there is no time zone {options.zone}")
    serve(Crm(Folder(options.directory), options.zone, options.currency).verbs())


if __name__ == "__main__":
    main()
