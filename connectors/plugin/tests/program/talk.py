"""Plays the program's part of the documented talk, and ends when the other part differs from what is documented."""

import json
import os
import sys

key = os.environ["KEY"]
with open(sys.argv[1], encoding="utf-8") as page:
    talk = [line.replace('"KEY"', json.dumps(key)) for line in page if line.startswith(("> ", "< "))]

for line in talk:
    if line.startswith("< "):
        print(line[2:].strip(), flush=True)
        continue
    heard = sys.stdin.readline()
    if json.loads(heard) != json.loads(line[2:]):
        with open(os.environ["DIFFERENCE"], "w", encoding="utf-8") as file:
            file.write(f"documented: {line[2:]}heard:      {heard}")
        sys.exit("the talk is another one than documented")
with open(os.environ["DIFFERENCE"], "w", encoding="utf-8") as file:
    file.write("none")
