-- What all silos share, sealed with the key of the cluster, which is not here.
CREATE TABLE secret (
  name text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL CHECK (version > 0),
  bytes bytea NOT NULL);

GRANT SELECT, INSERT, UPDATE ON secret TO agentbudget_silo;

UPDATE store SET schema_version = 2;
