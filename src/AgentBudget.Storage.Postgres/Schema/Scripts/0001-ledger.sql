-- Who may do what. Silos log in as members of agentbudget_silo, which owns nothing and cannot change what was written.
DO $role$
BEGIN
  CREATE ROLE agentbudget_silo NOLOGIN;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL; -- Another database of this server made it.
END
$role$;

GRANT USAGE ON SCHEMA agentbudget TO agentbudget_silo;

-- One row: which store this is, and which tables it has.
CREATE TABLE store (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  schema_version int NOT NULL);
INSERT INTO store (schema_version) VALUES (1);

-- Who owns a tenant. The row is locked by each append and changed by each take-over, so it leaves room for itself.
CREATE TABLE tenant (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  epoch bigint NOT NULL CHECK (epoch > 0),
  owner_id uuid NOT NULL,
  owner_address text NOT NULL,
  acquired timestamptz NOT NULL DEFAULT clock_timestamp()) WITH (fillfactor = 20);

-- A row is a group: what one append made durable. Nobody changes or deletes one.
CREATE TABLE journal (
  tenant bigint NOT NULL REFERENCES tenant,
  seq bigint NOT NULL CHECK (seq > 0),
  epoch bigint NOT NULL,
  first_event bigint NOT NULL CHECK (first_event > 0),
  events int NOT NULL CHECK (events > 0),
  prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  body bytea NOT NULL,
  PRIMARY KEY (tenant, seq));
ALTER TABLE journal ALTER COLUMN body SET STORAGE EXTERNAL; -- To compress them costs more than it saves.

-- A snapshot is there once its row is, which is written behind its chunks.
CREATE TABLE snapshot (
  tenant bigint NOT NULL REFERENCES tenant,
  last_event bigint NOT NULL,
  seq bigint NOT NULL,
  epoch bigint NOT NULL,
  hash bytea NOT NULL,
  next_deadline bigint NOT NULL,
  length bigint NOT NULL,
  checksum bytea NOT NULL,
  PRIMARY KEY (tenant, last_event));
CREATE TABLE snapshot_chunk (
  tenant bigint NOT NULL REFERENCES tenant,
  last_event bigint NOT NULL,
  chunk int NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (tenant, last_event, chunk));
ALTER TABLE snapshot_chunk ALTER COLUMN body SET STORAGE EXTERNAL;

-- Written to and emptied, to see whether there is space.
CREATE TABLE probe (id int PRIMARY KEY, body bytea NOT NULL);
ALTER TABLE probe ALTER COLUMN body SET STORAGE EXTERNAL;

-- The first group whose last event is not before the one that is asked for. Groups are ordered by their events, so
-- halving needs no index beside that of the group numbers.
CREATE FUNCTION find_group(of_tenant bigint, of_event bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $find$
DECLARE
  low bigint := 1;
  high bigint;
  middle bigint;
  last_event bigint;
BEGIN
  SELECT coalesce(max(seq), 0) + 1 INTO high FROM journal WHERE tenant = of_tenant;
  WHILE low < high LOOP
    middle := low + (high - low) / 2;
    SELECT first_event + events - 1 INTO last_event FROM journal WHERE tenant = of_tenant AND seq = middle;
    -- A group that is missing is left for the reader to find: the one after it is given out in its place.
    IF coalesce(last_event, 0) >= of_event THEN
      high := middle;
    ELSE
      low := middle + 1;
    END IF;
  END LOOP;
  RETURN low;
END
$find$;

GRANT SELECT ON store TO agentbudget_silo;
GRANT SELECT, INSERT, UPDATE ON tenant TO agentbudget_silo;
GRANT SELECT, INSERT ON journal TO agentbudget_silo;
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshot, snapshot_chunk, probe TO agentbudget_silo;
