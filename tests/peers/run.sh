#!/bin/sh
# Runs the official clients of both CRMs against the sandbox. DEALCLOCK_BIN is the program to start; `dealclock` by
# default. Needs python3 with venv, node with npm, and their package indexes. Each client has a sandbox of its own.
# Arguments name the clients to run: `run.sh jsforce.mjs`. Closes with `N passed, M failed`.
#
# jsforce is the newest that runs on Node 18 and 20; later ones want 22.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
binary=${DEALCLOCK_BIN:-dealclock}
work=$(mktemp -d)
token=pat-na1-peers
sandbox=
passed=0
failed=0

stop() {
    if [ -n "$sandbox" ]; then
        kill "$sandbox" 2>/dev/null || true
        wait "$sandbox" 2>/dev/null || true
        sandbox=
    fi
}

finish() {
    stop
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Starts a sandbox with further arguments and waits until it says where it is.
start() {
    "$binary" --json sandbox --listen 127.0.0.1:0 --token "$token" --deals 250 --time paced --pace 60 "$@" \
        >"$work/sandbox.json" 2>"$work/sandbox.log" &
    sandbox=$!
    tries=0
    until told address >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$sandbox" 2>/dev/null; then
            echo "the sandbox does not answer:" >&2
            cat "$work/sandbox.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# What the sandbox said of itself.
told() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/sandbox.json" "$1"
}

# Runs a client and adds up what it found.
meet() {
    "$@" >"$work/facts" 2>&1 || true
    cat "$work/facts"
    count=$(tail -n 1 "$work/facts")
    case $count in
        [0-9]*" passed, "[0-9]*" failed")
            passed=$((passed + ${count%% *}))
            count=${count#*, }
            failed=$((failed + ${count%% *}))
            ;;
        *) failed=$((failed + 1)) ;;
    esac
    stop
}

# Without the place of the script among those of modules: a script may bear the name of its client.
python() {
    "$work/venv/bin/python" -I "$@"
}

node_client() {
    (cd "$work/node" && node "$@")
}

client() {
    echo "-- $1"
    case $1 in
        hubspot_api_client.py)
            start --crm hubspot
            meet python "$here/$1" "$(told address)" "$token"
            ;;
        hubspot_api_client.mjs)
            start --crm hubspot
            meet node_client "$1" "$(told address)" "$token" "$(told client_id)" "$(told client_secret)"
            ;;
        simple_salesforce.py)
            start --crm salesforce --tls --cert-out "$work/authority.pem"
            REQUESTS_CA_BUNDLE=$work/authority.pem meet python "$here/$1" "$(told address)" "$token"
            ;;
        jsforce.mjs)
            start --crm salesforce --tls --cert-out "$work/authority.pem"
            NODE_EXTRA_CA_CERTS=$work/authority.pem \
                meet node_client "$1" "$(told address)" "$(told username)" "$(told password)"
            ;;
        *)
            echo "there is no client $1" >&2
            exit 2
            ;;
    esac
}

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
mkdir "$work/node"
cp "$here"/*.mjs "$here"/package.json "$here"/package-lock.json "$work/node"
(cd "$work/node" && npm ci --ignore-scripts --no-audit --no-fund --silent)

[ $# -gt 0 ] || set -- hubspot_api_client.py hubspot_api_client.mjs simple_salesforce.py jsforce.mjs
for file; do
    client "$file"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
