-- How often in a row a worker failed a site: counted as runs of services end,
-- and forgotten when it reports. Fed from kbase_events, and never otherwise.
CREATE TABLE worker_failures (
  namespace  TEXT    NOT NULL,
  website_id TEXT    NOT NULL,
  service    TEXT    NOT NULL,
  failures   INTEGER NOT NULL,
  since      TEXT    NOT NULL,                  -- when the first of them was told
  run_id     TEXT    NOT NULL,                  -- the last of them
  told_by    TEXT    NOT NULL,                  -- the row that told the last one
  error      TEXT,
  PRIMARY KEY (namespace, website_id, service)
) STRICT, WITHOUT ROWID;

CREATE INDEX worker_failures_most ON worker_failures (namespace, failures);

CREATE TRIGGER workers_were_told AFTER INSERT ON kbase_events
WHEN new.type = 'run_status' AND new.service = 'hermes' AND new.website_id IS NOT NULL
  AND json_valid(new.payload) AND json_type(new.payload, '$.service_results') = 'array'
BEGIN
  DELETE FROM worker_failures
  WHERE namespace = new.namespace AND website_id = new.website_id AND service IN (
    SELECT value ->> 'service' FROM json_each(new.payload, '$.service_results')
    WHERE value ->> 'status' = 'completed'
  );
  INSERT INTO worker_failures
  SELECT new.namespace, new.website_id, value ->> 'service', 1,
    coalesce(new.created_at, ''), coalesce(new.run_id, ''), new.id, value ->> 'error'
  FROM json_each(new.payload, '$.service_results')
  WHERE value ->> 'status' IN ('failed', 'timeout') AND value ->> 'service' IS NOT NULL
  ON CONFLICT (namespace, website_id, service) DO UPDATE
  SET failures = failures + 1, run_id = excluded.run_id, told_by = excluded.told_by,
    error = excluded.error
  WHERE told_by <> excluded.told_by;
END;
