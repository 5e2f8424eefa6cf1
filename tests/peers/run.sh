#!/bin/sh
# Runs HubSpot's official client against the sandbox. DEALCLOCK_BIN is the program to start; `dealclock` by default.
# Needs python3 with venv, and the package index. Closes with `N passed, M failed`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
binary=${DEALCLOCK_BIN:-dealclock}
work=$(mktemp -d)
token=pat-na1-peers
sandbox=

finish() {
    if [ -n "$sandbox" ]; then
        kill "$sandbox" 2>/dev/null || true
        wait "$sandbox" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binary" sandbox --crm hubspot --listen "127.0.0.1:$port" --token "$token" --deals 250 --time paced --pace 3600 \
    >"$work/sandbox.log" 2>&1 &
sandbox=$!

tries=0
until python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/sandbox/time')" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$sandbox" 2>/dev/null; then
        echo "the sandbox does not answer:" >&2
        cat "$work/sandbox.log" >&2
        exit 1
    fi
    sleep 0.1
done

"$work/venv/bin/python" "$here/hubspot_api_client.py" "http://127.0.0.1:$port" "$token"
