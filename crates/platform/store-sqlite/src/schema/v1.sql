-- A row per run: what the index shows, and what the queue needs.
CREATE TABLE runs (
  no                INTEGER PRIMARY KEY,
  namespace         TEXT    NOT NULL,
  id                TEXT    NOT NULL,
  next_seq          INTEGER NOT NULL CHECK (next_seq > 0),
  head              BLOB    NOT NULL CHECK (length(head) = 32),
  fence             INTEGER NOT NULL DEFAULT 0,
  plan              TEXT    NOT NULL,
  phase             TEXT    NOT NULL,
  outcome           TEXT,
  hold              TEXT,
  disposition       TEXT,
  undoing           INTEGER NOT NULL,
  epoch             INTEGER NOT NULL,
  labels            TEXT,                       -- a JSON object, or none
  created_at        INTEGER NOT NULL,           -- times are milliseconds
  updated_at        INTEGER NOT NULL,
  wake_at           INTEGER,
  priority          INTEGER NOT NULL,
  concurrency_key   TEXT,
  concurrency_limit INTEGER,
  closed            INTEGER NOT NULL,           -- whether the phase is terminal
  seal              TEXT,                       -- JSON
  owner             TEXT,                       -- who has it, if anybody does
  leased_until      INTEGER,
  visits            INTEGER NOT NULL DEFAULT 0, -- claimed for its commands only
  due               INTEGER,                    -- when it is to be claimed again
  broken            INTEGER NOT NULL DEFAULT 0, -- a pull found that it cannot be driven
  commands          INTEGER NOT NULL DEFAULT 0, -- how many wait
  placed            INTEGER NOT NULL DEFAULT 0, -- whether it holds a place of its key
  state             TEXT GENERATED ALWAYS AS (
    phase || '/' || coalesce(outcome, '') || CASE WHEN hold IS NULL THEN '' ELSE '/held' END
  ) VIRTUAL,
  ready_at          INTEGER GENERATED ALWAYS AS (
    CASE
      WHEN broken THEN NULL
      WHEN owner IS NOT NULL THEN CASE WHEN closed AND NOT commands THEN NULL ELSE leased_until END
      WHEN commands THEN 0
      WHEN closed THEN NULL
      ELSE due
    END
  ) VIRTUAL
) STRICT;

CREATE UNIQUE INDEX runs_by_id ON runs (namespace, id);
CREATE INDEX runs_by_age ON runs (namespace, created_at, id);
CREATE INDEX runs_by_state ON runs (namespace, state, created_at, id);
CREATE INDEX runs_by_plan ON runs (namespace, plan, state, created_at, id);
CREATE INDEX runs_by_key ON runs (namespace, concurrency_key, created_at, id)
  WHERE concurrency_key IS NOT NULL;
CREATE INDEX runs_ready ON runs (namespace, priority, ready_at, id)
  WHERE ready_at IS NOT NULL;
CREATE INDEX runs_held ON runs (namespace, leased_until)
  WHERE owner IS NOT NULL;
CREATE INDEX runs_placed ON runs (namespace, concurrency_key)
  WHERE placed;
CREATE INDEX runs_waiting ON runs (namespace, concurrency_key, concurrency_limit)
  WHERE concurrency_key IS NOT NULL AND NOT placed AND ready_at IS NOT NULL;

-- A row per label: a run is found by each.
CREATE TABLE labels (
  namespace  TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  run_no     INTEGER NOT NULL,
  PRIMARY KEY (namespace, key, value, created_at, id)
) STRICT, WITHOUT ROWID;

-- The log, a row per commit: `n` lines from `seq` on.
CREATE TABLE chunks (
  no     INTEGER PRIMARY KEY,
  run_no INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  lines  BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX chunks_by_run ON chunks (run_no, seq);

-- Content that events name by its digest.
CREATE TABLE documents (
  no        INTEGER PRIMARY KEY,
  namespace TEXT NOT NULL,
  digest    BLOB NOT NULL CHECK (length(digest) = 32),
  kind      TEXT NOT NULL,
  bytes     BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX documents_by_digest ON documents (namespace, digest);

-- Commands, and what became of them. One waits as long as it has no answer.
CREATE TABLE commands (
  run_no INTEGER NOT NULL,
  id     TEXT    NOT NULL,
  at     INTEGER,
  body   TEXT,                                  -- JSON; none where only an answer came
  answer TEXT,                                  -- JSON
  PRIMARY KEY (run_no, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX commands_waiting ON commands (run_no, at, id) WHERE answer IS NULL;

-- The domains' rows, as commits brought them.
CREATE TABLE records (
  no        INTEGER PRIMARY KEY,
  namespace TEXT NOT NULL,
  kind      TEXT NOT NULL,
  key       TEXT NOT NULL,
  json      ANY  NOT NULL                       -- text, or bytes that are none
) STRICT;

CREATE UNIQUE INDEX records_by_key ON records (namespace, kind, key);
