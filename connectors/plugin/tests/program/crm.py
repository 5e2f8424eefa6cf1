"""A tiny CRM that does wrong what it is told to: FAULT is `method=fault`, LOG a file that hears of every question."""

import json
import os
import subprocess
import sys
import time

METHOD, _, FAULT = os.environ.get("FAULT", "").partition("=")
STAMP = "2026-03-02T08:00:00Z"


def note(text):
    with open(os.environ["LOG"], "a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {text}\n")


def record(key):
    return {"state": "present", "id": key, "stamp": STAMP, "owner": "ada", "fields": {"name": f"Deal {key}"}}


def answer(method, params):
    if method == "initialize":
        return {"protocol": 1, "label": "Tiny", "fetch_batch": 2, "apply_batch": 2, "abilities": ["history", "later", *os.environ.get("ABILITIES", "").split()]}
    if method == "check":
        return {"account": "tiny", "zone": "Europe/Berlin", "currency": "EUR", "once": {"at_least_once": "it is tiny"}}
    if method == "discover":
        return {"people": [{"id": "ada", "name": "Ada", "active": True}]}
    if method == "changes":
        return {"changes": [record("1")], "cursor": 1, "more": False, "as_of": params["now"]}
    if method == "fetch":
        return {"changes": [record(one["id"]) for one in reversed(params["records"])]}
    if method == "apply":
        return {"results": [{"key": one["key"], "receipt": {"id": one["key"][-4:]}} for one in params["writes"]]}
    if method == "outcomes":
        seen = {"done": True, "outcome": "approved", "owner": "ada", "at": STAMP}
        return {"tasks": [{"task": one, **({"seen": seen} if one != "gone" else {})} for one in params["tasks"]]}
    if method == "find":
        return {"found": [{"key": one["key"], "receipt": None} for one in params["writes"]]}
    if method == "written":
        return {"written": [{"record": one["id"], "tasks": []} for one in params["records"]]}
    if method == "history":
        return {"history": [{"record": one["id"], "fields": {}} for one in params["records"]]}
    return None


def main():
    if METHOD == "start":
        sys.exit("no config file, token is tell-nobody, mail ada@acme.example")
    note("started")
    for line in sys.stdin:
        question = json.loads(line)
        method, params = question["method"], question.get("params", {})
        note(method)
        if method == "shutdown":
            return
        reply = {"jsonrpc": "2.0", "id": question["id"], "result": answer(method, params)}
        if method == METHOD:
            reply = spoil(reply, params)
        print(json.dumps(reply), flush=True)


def spoil(reply, params):
    result = reply["result"]
    lists = [value for value in result.values() if isinstance(value, list)] if isinstance(result, dict) else []
    if FAULT == "crash":
        os._exit(3)
    elif FAULT == "hang":
        child = subprocess.Popen(["sleep", "3600"])
        note(f"child {child.pid}")
        time.sleep(3600)
    elif FAULT == "emigrate":
        child = subprocess.Popen(["sleep", "3600"], preexec_fn=os.setpgrp)
        note(f"child {child.pid}")
        os.setpgid(0, child.pid)
        time.sleep(3600)
    elif FAULT == "nonsense":
        print("<html>maintenance</html>", flush=True)
    elif FAULT == "endless":
        sys.stdout.write("x" * (17 << 20))
        sys.stdout.flush()
        time.sleep(3600)
    elif FAULT == "cut":
        sys.stdout.write(json.dumps(reply)[:-9])
        sys.stdout.flush()
        os._exit(0)
    elif FAULT == "shape":
        return {**reply, "result": 5}
    elif FAULT == "missing":
        lists[0].pop()
    elif FAULT == "extra":
        lists[0].append(record("99") if "changes" in result else {"key": "nonsense", "receipt": 5})
    elif FAULT == "twice":
        lists[0].append(lists[0][0])
    elif FAULT == "without_id":
        lists[0][0]["receipt"] = {}
    elif FAULT == "talk":
        print(json.dumps({"jsonrpc": "2.0", "method": "log", "params": {}}))
        print(json.dumps({"jsonrpc": "2.0", "id": 999, "result": "somebody else's"}))
        print(f"hello from ada@acme.example with {os.environ.get('SECRET')}", file=sys.stderr, flush=True)
    elif FAULT == "env":
        return {**reply, "result": {**result, "account": ",".join(sorted(os.environ))}}
    elif FAULT == "stuck":
        return {**reply, "result": {**result, "more": True}}
    elif FAULT == "future":
        return {**reply, "result": {**result, "as_of": "2099-01-01T00:00:00Z"}}
    elif FAULT == "version":
        return {**reply, "result": {**result, "protocol": 7}}
    elif FAULT == "unreadable":
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse error"}}
    elif FAULT == "secret":
        return {"jsonrpc": "2.0", "id": reply["id"], "error": {"code": 1, "message": f"no, {os.environ['SECRET']}"}}
    elif FAULT in ("transient", "throttled", "unauthorized", "conflict", "locked", "rejected", "unknown"):
        data = {"kind": FAULT, "until": "2026-03-02T08:01:00Z"}
        return {"jsonrpc": "2.0", "id": reply["id"], "error": {"code": 1, "message": "no", "data": data}}
    else:
        sys.exit(f"there is no fault {FAULT}")
    return reply


main()
