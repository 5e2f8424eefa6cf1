"""Tables in CSV files: locked while they are used, written whole or not at all."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lines import Json, Refusal

Row = dict[str, str]
Version = tuple[int, int, int]

# A field may hold a whole text; the default of the library would refuse what other programs write.
csv.field_size_limit(64 << 20)


@dataclass
class Table:
    """The rows of one file, with its columns in order."""

    columns: list[str]
    rows: list[Row] = field(default_factory=list)

    def has(self, *columns: str) -> bool:
        """Whether all these columns exist."""
        return all(column in self.columns for column in columns)


class Folder:
    """A directory of tables. Nothing is read or written outside of `locked`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = path / ".dealclock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other runs of this program away; people's programs do not look at the lock, see `save`."""
        if not self.path.is_dir():
            raise Refusal("transient", f"there is no directory {self.path.name}")
        try:
            self._own.mkdir(exist_ok=True)
            with open(self._own / "lock", "w", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except PermissionError as error:
            raise Refusal("unauthorized", f"{Path(error.filename or '').name} may not be read or written") from error

    def load(self, name: str) -> Table:
        """Reads a table. A file that is just being saved by a person's program may be cut; it is read again later."""
        file = self.path / name
        try:
            with open(file, encoding="utf-8-sig", newline="") as source:
                reader = csv.DictReader(source, strict=True)
                rows = [self._whole(name, number, row) for number, row in enumerate(reader, start=2)]
                return Table(list(reader.fieldnames or []), rows)
        except FileNotFoundError as error:
            raise Refusal("transient", f"{name} is missing") from error
        except (csv.Error, UnicodeDecodeError) as error:
            raise Refusal("transient", f"{name} cannot be read: {error}") from error

    @staticmethod
    def _whole(name: str, number: int, row: dict[str | None, str | None]) -> Row:
        if None in row or None in row.values():
            raise Refusal("transient", f"{name}, row {number}: it has another number of cells than the header")
        return {str(column): str(cell) for column, cell in row.items()}

    def save(self, name: str, table: Table, seen: Version | None = None) -> None:
        """Writes a table: into a new file that takes the old one's place once it is on the disk.

        With the version that was loaded, nothing is written when a person's program saved the file meanwhile.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, table.columns, lineterminator="\n", extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(table.rows)
        if seen is not None and self.version(name) != seen:
            raise Refusal("transient", f"{name} was saved by somebody else meanwhile")
        self._replace(self.path / name, text.getvalue())

    def version(self, name: str) -> Version:
        """What differs once the file was saved again."""
        try:
            seen = (self.path / name).stat()
        except FileNotFoundError as error:
            raise Refusal("transient", f"{name} is missing") from error
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def note(self, name: str) -> Json:
        """A note of ours to ourselves; `None` where there is none."""
        try:
            return json.loads((self._own / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Refusal("transient", f".dealclock/{name} is damaged; without it all rows count as new") from error

    def keep(self, name: str, note: Json) -> None:
        """Keeps a note."""
        self._replace(self._own / name, json.dumps(note, ensure_ascii=False))

    @staticmethod
    def _replace(file: Path, text: str) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as sink:
                sink.write(text)
                sink.flush()
                os.fsync(sink.fileno())
            if file.exists():
                os.chmod(temporary, file.stat().st_mode)
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
