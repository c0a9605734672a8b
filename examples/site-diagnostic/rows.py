"""The rows of a site's service runs, by SQL: rows.py DATABASE WEBSITE_ID"""

import json
import sqlite3
import sys

database, website = sys.argv[1:]
rows = sqlite3.connect(f"file:{database}?mode=ro", uri=True).execute(
    "SELECT service, type, summary, payload FROM kbase_events WHERE website_id = ? ORDER BY created_at ASC, rowid ASC",
    (website,),
)
for service, kind, summary, payload in rows:
    print(service, kind, summary or "")
    payload = json.loads(payload)
    if kind == "diagnosis":
        print(f"  confidence {payload['confidence']}, {payload['confidence_score']} of 100")
        print("  missing", ", ".join(payload["missing_services"]) or "nothing")
    for result in payload.get("service_results", []) if kind == "run_status" else []:
        if result["error"]:
            print(f"  {result['service']} {result['status']}: {result['error']}")
