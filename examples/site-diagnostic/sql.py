"""A query of a database, as it stands on standard input: sql.py DATABASE < QUERY"""

import sqlite3
import sys

rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.stdin.read())
names = [name for name, *_ in rows.description]
for row in rows:
    print(*(f"{name}={value}" for name, value in zip(names, row) if value is not None), sep="  ")
