"""JSON-RPC 2.0 in lines: what a program needs to be asked by Dealclock, whatever its CRM.

Copy this file into a connector of your own; it knows nothing of CSV.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Json = Any
Verb = Callable[[Mapping[str, Json]], Json]

NO_SUCH_METHOD = -32601
BAD_PARAMS = -32602
INTERNAL = -32603
REFUSED = -32000


class Refusal(Exception):
    """What is not done, with what Dealclock must do about it.

    `kind` is one of transient, throttled, unauthorized, conflict, locked, rejected and unknown; all but the last say
    that nothing was written. `until` is an instant such as 2026-03-02T09:00:00Z.
    """

    def __init__(self, kind: str, message: str, until: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.until = until

    def data(self) -> dict[str, Json]:
        """What goes beside the message."""
        return {"kind": self.kind} if self.until is None else {"kind": self.kind, "until": self.until}


def serve(verbs: Mapping[str, Verb], source: TextIO | None = None, sink: TextIO | None = None) -> None:
    """Answers question after question until `shutdown` or the end of the input.

    Standard output belongs to the answers. A library that prints there would garble them, so everything else that is
    printed goes to standard error, and from there into Dealclock's log.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # Whatever the machine's language is: the lines are UTF-8.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    source = source or sys.stdin
    sink = sink or sys.stdout
    sys.stdout = sys.stderr
    for line in source:
        if not line.strip():
            continue
        answer = answer_to(line, verbs)
        if answer is None:
            continue
        if answer is SHUTDOWN:
            return
        sink.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n")
        sink.flush()


SHUTDOWN: dict[str, Json] = {"method": "shutdown"}


def answer_to(line: str, verbs: Mapping[str, Verb]) -> dict[str, Json] | None:
    """The answer to one line; `None` for a message that wants none, `SHUTDOWN` for the wish to end."""
    try:
        question = json.loads(line)
        method, number = question["method"], question.get("id")
    except (ValueError, TypeError, KeyError, AttributeError):
        return failure(None, -32700, "the question is no JSON-RPC message")
    if method == "shutdown":
        return SHUTDOWN
    if number is None:
        return None
    verb = verbs.get(method)
    if verb is None:
        return failure(number, NO_SUCH_METHOD, f"there is no method {method}")
    try:
        return {"jsonrpc": "2.0", "id": number, "result": verb(question.get("params") or {})}
    except Refusal as refusal:
        return failure(number, REFUSED, refusal.message, refusal.data())
    except Exception as error:  # A fault of ours: Dealclock treats it as a crash of this one question.
        traceback.print_exc(file=sys.stderr)
        return failure(number, INTERNAL, f"{type(error).__name__} in {method}")


def failure(number: Json, code: int, message: str, data: Json = None) -> dict[str, Json]:
    """An answer that says why there is none."""
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": number, "error": error}
