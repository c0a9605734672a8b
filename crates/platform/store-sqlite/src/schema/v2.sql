-- What service runs tell, as SQL asks for it. Fed from the records of that
-- kind, and never written otherwise.
CREATE TABLE kbase_events (
  id         TEXT NOT NULL,
  website_id TEXT,
  run_id     TEXT,
  job_id     TEXT,
  service    TEXT,
  type       TEXT,
  summary    TEXT,
  payload    TEXT,                              -- JSON
  created_at TEXT,
  namespace  TEXT NOT NULL DEFAULT 'default',
  PRIMARY KEY (namespace, id)
);

CREATE INDEX kbase_events_by_website ON kbase_events (website_id, created_at);
CREATE INDEX kbase_events_by_run ON kbase_events (run_id, created_at);

INSERT INTO kbase_events
SELECT key, json ->> 'website_id', json ->> 'run_id', json ->> 'job_id', json ->> 'service',
  json ->> 'type', json ->> 'summary', json ->> 'payload', json ->> 'created_at', namespace
FROM records WHERE kind = 'kbase_events' AND json_valid(json);

CREATE TRIGGER kbase_event_came AFTER INSERT ON records
WHEN new.kind = 'kbase_events' AND json_valid(new.json)
BEGIN
  INSERT INTO kbase_events
  VALUES (new.key, new.json ->> 'website_id', new.json ->> 'run_id', new.json ->> 'job_id',
    new.json ->> 'service', new.json ->> 'type', new.json ->> 'summary', new.json ->> 'payload',
    new.json ->> 'created_at', new.namespace);
END;

CREATE TRIGGER kbase_event_changed AFTER UPDATE ON records
WHEN new.kind = 'kbase_events'
BEGIN
  DELETE FROM kbase_events WHERE namespace = old.namespace AND id = old.key;
  INSERT INTO kbase_events
  SELECT new.key, new.json ->> 'website_id', new.json ->> 'run_id', new.json ->> 'job_id',
    new.json ->> 'service', new.json ->> 'type', new.json ->> 'summary', new.json ->> 'payload',
    new.json ->> 'created_at', new.namespace
  WHERE json_valid(new.json);
END;

CREATE TRIGGER kbase_event_went AFTER DELETE ON records
WHEN old.kind = 'kbase_events'
BEGIN
  DELETE FROM kbase_events WHERE namespace = old.namespace AND id = old.key;
END;
