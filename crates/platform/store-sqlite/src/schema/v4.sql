-- What is left of runs that were collected. Their rows and labels stay, so that
-- lists show them and their names stay taken; their log, commands and answers
-- are gone.
CREATE TABLE stubs (
  run_no INTEGER PRIMARY KEY,
  stub   BLOB    NOT NULL                       -- JSON
) STRICT;

ALTER TABLE runs ADD COLUMN collected INTEGER NOT NULL DEFAULT 0;
