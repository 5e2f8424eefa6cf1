#!/usr/bin/env bash
# Runs HubSpot's official Python client against the sandbox, with only its base address set.
#
# DEALCLOCK_BIN names the binary; by default the one that `cargo build` makes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${DEALCLOCK_BIN:-$here/../../target/debug/dealclock}
work=$(mktemp -d)
sandbox=
cleanup() {
    if [ -n "$sandbox" ]; then kill "$sandbox" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap cleanup EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"

# Its time passes by itself, so that the account's limits renew as they do in life.
"$bin" sandbox --crm hubspot --listen 127.0.0.1:0 --token peer-token --seed 7 --deals 250 --time paced --pace 60 \
    --json >"$work/started.json" &
sandbox=$!
for _ in $(seq 200); do
    grep -q '"address"' "$work/started.json" && break
    kill -0 "$sandbox" || { echo "the sandbox did not start" >&2; exit 1; }
    read -r -t 0.05 <> <(:) || true
done
address=$("$work/venv/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$work/started.json")
"$work/venv/bin/python" "$here/hubspot_client.py" "$address" peer-token
