"""The connector of `connectors/csv`, unchanged, which fails once where `faults.json` in its directory says so."""

import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "connectors" / "csv"))

from dealclock_csv import Crm  # noqa: E402
from lines import Refusal, serve  # noqa: E402
from tables import Folder  # noqa: E402

HOME = Path(sys.argv[1])
FAULTS = HOME / "faults.json"
OUT = sys.stdout


def due(method):
    """The fault that befalls this call, if one does."""
    try:
        fault = json.loads(FAULTS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if fault["method"] != method:
        return None
    fault["number"] -= 1
    if fault["number"] > 0:
        FAULTS.write_text(json.dumps(fault), encoding="utf-8")
        return None
    FAULTS.unlink()
    return fault


def spoiled(method, verb):
    """A verb that fails when it is told to."""

    def call(params):
        with open(HOME / "calls.log", "a", encoding="utf-8") as log:
            log.write(method + "\n")
        fault = due(method)
        kind = fault["kind"] if fault else ""
        if fault:
            # A careless program tells its secrets in its complaints.
            print(f"logging in with {os.environ['CRM_PASSWORD']} for ada@acme.example", file=sys.stderr, flush=True)
        if kind == "crash_before":
            os._exit(3)
        if kind == "throttled":
            raise Refusal("throttled", f"too much for {os.environ['CRM_PASSWORD']}", fault["until"])
        if kind == "partial":
            return partial(verb, params)
        result = verb(params)
        if kind == "crash_after":
            os._exit(3)
        if kind == "cut":
            OUT.write(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result})[:-20])
            OUT.flush()
            os._exit(0)
        if kind == "web_page":
            OUT.write("<!DOCTYPE html><html><body>Be right back</body></html>\n")
            OUT.flush()
        return result

    return call


def partial(verb, params):
    """Carries every second write out, and complains of the others."""
    writes = params["writes"]
    done = verb({**params, "writes": writes[::2]})
    complaint = {"kind": "transient", "message": "the row is in use"}
    return {"results": done["results"] + [{"key": write["key"], "error": complaint} for write in writes[1::2]]}


verbs = Crm(Folder(HOME), "Europe/Berlin", "EUR").verbs()
serve({method: spoiled(method, verb) for method, verb in verbs.items()})
