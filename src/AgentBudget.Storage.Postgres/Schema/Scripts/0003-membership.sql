-- What Orleans' ADO.NET providers ask for: the text of each query, by the name of its key. They name parameters and
-- columns; everything else is ours.
CREATE TABLE orleansquery (
  querykey varchar(64) PRIMARY KEY,
  querytext varchar(8000) NOT NULL);

-- Every change of a member raises the version, and is refused for a version that is not the present one.
CREATE TABLE membership_version (
  deployment text PRIMARY KEY,
  version int NOT NULL DEFAULT 0);

CREATE TABLE membership (
  deployment text NOT NULL REFERENCES membership_version ON DELETE CASCADE,
  address text NOT NULL,
  port int NOT NULL,
  generation int NOT NULL,
  silo_name text NOT NULL,
  host_name text NOT NULL,
  status int NOT NULL,
  proxy_port int NOT NULL,
  suspect_times text,
  start_time timestamptz NOT NULL,
  alive_time timestamptz NOT NULL,
  PRIMARY KEY (deployment, address, port, generation)) WITH (fillfactor = 50);

CREATE TABLE reminder (
  service text NOT NULL,
  grain text NOT NULL,
  name text NOT NULL,
  start_time timestamptz NOT NULL,
  period bigint NOT NULL,
  grain_hash int NOT NULL,
  version int NOT NULL,
  PRIMARY KEY (service, grain, name));
CREATE INDEX reminder_by_hash ON reminder (service, grain_hash);

-- The version row is taken first, so that of two writers with one version one waits and then finds another version.
-- Where the second step has no row the first is undone with it, by the exception.
CREATE FUNCTION insert_member(
  of_deployment text, of_version int, of_address text, of_port int, of_generation int, of_silo_name text,
  of_host_name text, of_status int, of_proxy_port int, of_start_time timestamptz, of_alive_time timestamptz)
RETURNS int LANGUAGE plpgsql AS $insert$
BEGIN
  UPDATE membership_version SET version = version + 1 WHERE deployment = of_deployment AND version = of_version;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  INSERT INTO membership (deployment, address, port, generation, silo_name, host_name, status, proxy_port, start_time,
    alive_time)
  VALUES (of_deployment, of_address, of_port, of_generation, of_silo_name, of_host_name, of_status, of_proxy_port,
    of_start_time, of_alive_time);
  RETURN 1;
EXCEPTION
  WHEN unique_violation THEN
    RETURN 0;
END
$insert$;

CREATE FUNCTION update_member(
  of_deployment text, of_version int, of_address text, of_port int, of_generation int, of_status int,
  of_suspect_times text, of_alive_time timestamptz)
RETURNS int LANGUAGE plpgsql AS $update$
BEGIN
  UPDATE membership_version SET version = version + 1 WHERE deployment = of_deployment AND version = of_version;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  UPDATE membership SET status = of_status, suspect_times = of_suspect_times, alive_time = of_alive_time
   WHERE deployment = of_deployment AND address = of_address AND port = of_port AND generation = of_generation;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'no_data_found';
  END IF;
  RETURN 1;
EXCEPTION
  WHEN no_data_found THEN
    RETURN 0;
END
$update$;

CREATE FUNCTION insert_membership_version(of_deployment text) RETURNS int LANGUAGE plpgsql AS $version$
BEGIN
  INSERT INTO membership_version (deployment) VALUES (of_deployment) ON CONFLICT DO NOTHING;
  RETURN CASE WHEN FOUND THEN 1 ELSE 0 END;
END
$version$;

CREATE FUNCTION delete_reminder(of_service text, of_grain text, of_name text, of_version int)
RETURNS int LANGUAGE plpgsql AS $delete$
BEGIN
  DELETE FROM reminder WHERE service = of_service AND grain = of_grain AND name = of_name AND version = of_version;
  RETURN CASE WHEN FOUND THEN 1 ELSE 0 END;
END
$delete$;

CREATE FUNCTION upsert_reminder(
  of_service text, of_grain text, of_name text, of_start_time timestamptz, of_period bigint, of_grain_hash int)
RETURNS int LANGUAGE sql AS $upsert$
  INSERT INTO reminder AS r (service, grain, name, start_time, period, grain_hash, version)
  VALUES (of_service, of_grain, of_name, of_start_time, of_period, of_grain_hash, 0)
  ON CONFLICT (service, grain, name) DO UPDATE
    SET start_time = of_start_time, period = of_period, grain_hash = of_grain_hash, version = r.version + 1
  RETURNING version
$upsert$;

CREATE VIEW member_row AS
  SELECT v.deployment, m.address, m.port, m.generation, m.silo_name AS siloname, m.host_name AS hostname, m.status,
         m.proxy_port AS proxyport, m.suspect_times AS suspecttimes, m.start_time AS starttime,
         m.alive_time AS iamalivetime, v.version
    FROM membership_version v LEFT JOIN membership m ON m.deployment = v.deployment;

CREATE VIEW reminder_row AS
  SELECT service, grain AS grainid, name AS remindername, start_time AS starttime, period, version,
         grain_hash AS grainhash
    FROM reminder;

INSERT INTO orleansquery (querykey, querytext) VALUES
('InsertMembershipVersionKey', 'SELECT insert_membership_version(@DeploymentId)'),
('InsertMembershipKey', 'SELECT insert_member(@DeploymentId, @Version, @Address, @Port, @Generation, @SiloName,
  @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime)'),
('UpdateMembershipKey', 'SELECT update_member(@DeploymentId, @Version, @Address, @Port, @Generation, @Status,
  @SuspectTimes, @IAmAliveTime)'),
('UpdateIAmAlivetimeKey', 'UPDATE membership SET alive_time = @IAmAliveTime WHERE deployment = @DeploymentId
  AND address = @Address AND port = @Port AND generation = @Generation'),
-- The version is there for a member that is not, which is why the join is an outer one.
('MembershipReadRowKey', 'SELECT v.deployment, m.address, m.port, m.generation, m.silo_name AS siloname,
  m.host_name AS hostname, m.status, m.proxy_port AS proxyport, m.suspect_times AS suspecttimes,
  m.start_time AS starttime, m.alive_time AS iamalivetime, v.version
  FROM membership_version v LEFT JOIN membership m ON m.deployment = v.deployment AND m.address = @Address
  AND m.port = @Port AND m.generation = @Generation WHERE v.deployment = @DeploymentId'),
('MembershipReadAllKey', 'SELECT * FROM member_row WHERE deployment = @DeploymentId'),
('GatewaysQueryKey', 'SELECT address, proxy_port AS proxyport, generation FROM membership
  WHERE deployment = @DeploymentId AND status = @Status AND proxy_port > 0'),
('DeleteMembershipTableEntriesKey', 'DELETE FROM membership_version WHERE deployment = @DeploymentId'),
-- Those alone that are dead (6): a silo whose clock or connection is late may live.
('CleanupDefunctSiloEntriesKey', 'DELETE FROM membership WHERE deployment = @DeploymentId
  AND alive_time < @IAmAliveTime AND status = 6'),
('UpsertReminderRowKey', 'SELECT upsert_reminder(@ServiceId, @GrainId, @ReminderName, @StartTime, @Period::bigint,
  @GrainHash) AS version'),
('ReadReminderRowsKey', 'SELECT * FROM reminder_row WHERE service = @ServiceId AND grainid = @GrainId'),
('ReadReminderRowKey', 'SELECT * FROM reminder_row WHERE service = @ServiceId AND grainid = @GrainId
  AND remindername = @ReminderName'),
('ReadRangeRows1Key', 'SELECT * FROM reminder_row WHERE service = @ServiceId AND grainhash > @BeginHash
  AND grainhash <= @EndHash'),
('ReadRangeRows2Key', 'SELECT * FROM reminder_row WHERE service = @ServiceId
  AND (grainhash > @BeginHash OR grainhash <= @EndHash)'),
('DeleteReminderRowKey', 'SELECT delete_reminder(@ServiceId, @GrainId, @ReminderName, @Version)'),
('DeleteReminderRowsKey', 'DELETE FROM reminder WHERE service = @ServiceId');

GRANT SELECT ON orleansquery, member_row, reminder_row TO agentbudget_silo;
GRANT SELECT, INSERT, UPDATE, DELETE ON membership_version, membership, reminder TO agentbudget_silo;

UPDATE store SET schema_version = 3;
