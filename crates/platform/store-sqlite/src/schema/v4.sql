-- What is left of runs that were collected. Their rows and labels stay, so that
-- lists show them and their names stay taken; their log, commands and answers
-- are gone.
CREATE TABLE stubs (
  run_no INTEGER PRIMARY KEY,
  stub   ANY     NOT NULL                       -- text, or bytes that are none
) STRICT;

ALTER TABLE runs ADD COLUMN collected INTEGER NOT NULL DEFAULT 0;
