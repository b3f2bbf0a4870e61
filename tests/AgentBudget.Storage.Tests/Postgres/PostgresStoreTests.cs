using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>PostgreSQL keeps the promises, and those that only a server and a network can break.</summary>
[Collection(PostgresTests.Name)]
public sealed class PostgresStoreTests(PostgresServers servers) : StoreConformanceTests
{
    private readonly List<IAsyncDisposable> _ends = [];
    private string _database = "";

    private PostgresServer Server => servers.Server;

    [Fact]
    public async Task Another_process_takes_a_tenant_over_and_the_former_is_fenced()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await using ILedgerStore other = await OpenAgainAsync();
        long taken = await other.AcquireAsync();
        Assert.True(taken > epoch);
        using JournalGroup late = Group(head, epoch, "late");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(late));
        using JournalGroup borrowed = Group(head, taken, "borrowed");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(borrowed));
        await other.AppendedAsync(head, taken, "b");
        Assert.False(await Store.SaveAsync(taken, new(head, 1, "x"u8.ToArray())));
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_take_over_waits_for_the_append_that_it_fences_and_then_sees_it()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await using NpgsqlConnection holder = await Server.OpenAsync(_database);
        await using NpgsqlTransaction held = await holder.BeginTransactionAsync();
        // As an append that was decided and is not committed yet.
        await using NpgsqlCommand fence = new("SELECT id FROM tenant WHERE name = 'acme' FOR SHARE", holder);
        await fence.ExecuteScalarAsync();
        await using ILedgerStore other = await OpenAgainAsync();
        Task<long> taking = other.AcquireAsync();
        await WaitForWaitingAsync();
        Assert.False(taking.IsCompleted);
        await held.CommitAsync();
        Assert.Equal(epoch + 1, await taking);
        Assert.Equal(head, await other.HeadAsync());
    }

    [Fact]
    public async Task An_append_that_waits_behind_a_take_over_writes_nothing()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await using NpgsqlConnection taker = await Server.OpenAsync(_database);
        await using NpgsqlTransaction taking = await taker.BeginTransactionAsync();
        await using NpgsqlCommand take = new("UPDATE tenant SET epoch = epoch + 1 WHERE name = 'acme'", taker);
        await take.ExecuteNonQueryAsync();
        using JournalGroup group = Group(head, epoch, "b");
        Task<AppendOutcome> appending = Store.AppendAsync(group);
        await WaitForWaitingAsync();
        Assert.False(appending.IsCompleted);
        await taking.CommitAsync();
        Assert.Equal(AppendOutcome.FenceLost, await appending);
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task An_append_that_is_answered_with_a_notice_is_unknown()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await Server.SqlAsync(_database, """
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
              'BEGIN RAISE WARNING ''not replicated'' USING ERRCODE = ''01000''; RETURN NULL; END';
            CREATE TRIGGER telling AFTER INSERT ON journal EXECUTE FUNCTION tell();
            """);
        using JournalGroup group = Group(head, epoch, "b");
        Assert.Equal(AppendOutcome.Unknown, await Store.AppendAsync(group));
        await Store.AcquireAsync();
        Assert.Equal(group.Head, await Store.HeadAsync());
    }

    [Theory]
    [InlineData("53100", AppendOutcome.NoSpace)]
    [InlineData("42501", AppendOutcome.Unknown)]
    [InlineData("XX001", AppendOutcome.Unknown)]
    public async Task An_error_of_the_server_has_its_outcome_and_no_effect(string state, AppendOutcome outcome)
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await FailAppendsAsync(state, times: int.MaxValue);
        using JournalGroup group = Group(head, epoch, "b");
        Assert.Equal(outcome, await Store.AppendAsync(group));
        await Server.SqlAsync(_database, "DROP TRIGGER failing ON journal");
        Assert.Equal(head, await Store.HeadAsync());
        await Store.AppendedAsync(head, epoch, "b");
    }

    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    [InlineData("55P03")]
    [InlineData("53200")]
    public async Task An_error_that_passes_is_tried_again_with_the_same_bytes(string state)
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await FailAppendsAsync(state, times: 2);
        using JournalGroup group = Group(head, epoch, "b");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_probe_of_a_full_store_says_so()
    {
        await Server.SqlAsync(_database, """
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
              'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END';
            CREATE TRIGGER failing BEFORE INSERT ON probe EXECUTE FUNCTION fail();
            """);
        Assert.False(await Store.ProbeSpaceAsync(default));
        await Server.SqlAsync(_database, "DROP TRIGGER failing ON probe");
        Assert.True(await Store.ProbeSpaceAsync(default));
    }

    [Fact]
    public async Task Groups_cannot_be_changed_or_deleted_by_the_role_of_silos()
    {
        await Store.StartedAsync("a");
        foreach (string sql in (string[])["DELETE FROM journal", "UPDATE journal SET body = ''", "TRUNCATE journal"])
        {
            await using NpgsqlConnection silo = new(
                Server.Connection(_database) + ";Search Path=agentbudget;Pooling=false");
            await silo.OpenAsync();
            await using NpgsqlCommand command = new(sql, silo);
            var refusal = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
            Assert.Equal("42501", refusal.SqlState);
        }
    }

    [Fact]
    public async Task An_edited_byte_is_named_when_it_is_read()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await Store.AppendedAsync(head, epoch, "an amount of 100");
        await Server.SqlAsync(
            _database, "UPDATE journal SET body = set_byte(body, octet_length(body) - 3, 57) WHERE seq = 2");
        IReadOnlyList<StoredGroup> read = await Store.ReadAsync();
        Assert.Equal(2, Assert.Throws<JournalDamagedException>(() => Verify(read)).Sequence);
    }

    [Fact]
    public async Task A_snapshot_with_a_changed_byte_or_a_missing_chunk_is_passed_over()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        JournalHead third = await Store.AppendedAsync(second, epoch, "c");
        foreach (JournalHead head in (JournalHead[])[first, second, third])
            Assert.True(await Store.SaveAsync(epoch, new(head, 1, new byte[5_000_000])));
        await Server.SqlAsync(_database, """
            UPDATE snapshot_chunk SET body = set_byte(body, 7, 1) WHERE last_event = 3 AND chunk = 0;
            DELETE FROM snapshot_chunk WHERE last_event = 2 AND chunk = 1;
            """);
        Assert.Equal(first, (await Store.SnapshotAsync())?.Head);
    }

    [Fact]
    public Task A_journal_of_another_store_is_kept_as_it_is() => Imports.AssertKeptAsync((PostgresStore)Store);

    [Fact]
    public Task What_does_not_follow_is_not_imported() => Imports.AssertWholeOrNotAtAllAsync((PostgresStore)Store);

    [Fact]
    public Task Appends_to_a_closed_store_are_unknown_and_calls_throw() => AssertClosedAsync(Store);

    [Fact]
    public async Task A_server_that_is_away_is_a_sentence_and_appends_are_unknown()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await Server.StopAsync("fast");
        try
        {
            var refusal = await Assert.ThrowsAsync<StoreException>(() => Store.HeadAsync());
            Assert.StartsWith("the PostgreSQL store cannot be used: ", refusal.Message, StringComparison.Ordinal);
            using JournalGroup group = Group(head, epoch, "b");
            Assert.Equal(AppendOutcome.Unknown, await Store.AppendAsync(group));
        }
        finally
        {
            await Server.StartAgainAsync();
        }

        Assert.True(await UntilThereAsync(() => Store.AcquireAsync()) > epoch);
        Assert.Equal(head, await Store.HeadAsync());
    }

    protected override async Task<ILedgerStore> OpenAsync()
    {
        _database = await Server.CreateStoreAsync();
        return await OpenAgainAsync();
    }

    protected override async Task<ILedgerStore> ReopenAsync(ILedgerStore store)
    {
        await store.DisposeAsync();
        return await OpenAgainAsync();
    }

    protected override async Task<ILedgerStore> ReopenAfterCrashAsync(ILedgerStore store)
    {
        await Server.CrashAsync();
        await store.DisposeAsync();
        return await OpenAgainAsync();
    }

    private protected override async Task<ILedgerStore> ReopenWithTornTailAsync(ILedgerStore store, JournalGroup last)
    {
        // The row is there, its bytes on their way to the disk, and its commit is not.
        await using NpgsqlConnection writer = await Server.OpenAsync(_database);
        await using NpgsqlTransaction torn = await writer.BeginTransactionAsync();
        await using NpgsqlCommand insert = new("""
            INSERT INTO journal SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM tenant WHERE name = $1
            """, writer);
        StoredGroup group = last.ToStored();
        foreach (object value in (object[])
            [
                last.Tenant, group.Sequence, group.Epoch, group.FirstEvent, group.Events,
                Convert.FromHexString(group.PreviousHash.ToString()), Convert.FromHexString(group.Hash.ToString()),
                group.Body.ToArray(),
            ])
        {
            insert.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        Assert.Equal(1, await insert.ExecuteNonQueryAsync());
        return await ReopenAfterCrashAsync(store);
    }

    private protected override async Task<ILedgerStore> LoseOutcomeAsync(
        ILedgerStore store, JournalGroup group, bool isWritten)
    {
        if (isWritten)
        {
            // It arrives, and its answer does not.
            LossyLink link = new(Server.Port);
            _ends.Add(link);
            ILedgerStore over = await OpenAgainAsync(link.Port);
            JournalHead head = await over.HeadAsync();
            group.Seal(head, await over.AcquireAsync());
            using JournalGroup first = Group(head, group.Epoch, "opens the connection, and is never written");
            first.Seal(head with { LastEvent = 7 }, group.Epoch);
            Assert.Equal(AppendOutcome.FenceLost, await over.AppendAsync(first));
            link.LoseAnswers();
            Task<AppendOutcome> appending = over.AppendAsync(group);
            await link.AnswerLostAsync(Patience);
            link.Break();
            Assert.Equal(AppendOutcome.Unknown, await appending);
            await store.DisposeAsync();
            return over;
        }

        // Its connection is ended while it waits.
        await using NpgsqlConnection holder = await Server.OpenAsync(_database);
        await using NpgsqlTransaction held = await holder.BeginTransactionAsync();
        await using NpgsqlCommand hold = new("SELECT id FROM tenant FOR UPDATE", holder);
        await hold.ExecuteScalarAsync();
        Task<AppendOutcome> waiting = store.AppendAsync(group);
        await WaitForWaitingAsync();
        await Server.SqlAsync(_database, """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agentbudget append'
               AND datname = current_database()
            """);
        Assert.Equal(AppendOutcome.Unknown, await waiting);
        await held.RollbackAsync();
        return store;
    }

    protected override async Task CleanAsync()
    {
        foreach (IAsyncDisposable end in _ends) await end.DisposeAsync();
        await Server.SqlAsync("postgres", $"DROP DATABASE {_database} WITH (FORCE)");
    }

    private async Task<ILedgerStore> OpenAgainAsync(int? port = null) => await PostgresStore.OpenAsync(
        new PostgresStoreOptions { Connection = Server.Connection(_database, port: port) },
        TimeProvider.System,
        NullLoggerFactory.Instance,
        CancellationToken.None);

    private Task<object?> FailAppendsAsync(string state, int times) => Server.SqlAsync(_database, $$"""
        CREATE SEQUENCE failed;
        GRANT USAGE ON SEQUENCE failed TO PUBLIC;
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $fail$
        BEGIN
          IF nextval('failed') <= {{times}} THEN
            RAISE EXCEPTION 'as a test wants it' USING ERRCODE = '{{state}}';
          END IF;
          RETURN NEW;
        END
        $fail$;
        CREATE TRIGGER failing BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION fail();
        """);

    // Until somebody waits for a lock in this database.
    private async Task WaitForWaitingAsync()
    {
        using CancellationTokenSource patience = new(Patience);
        while (await Server.SqlAsync(_database, """
            SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
            """) is 0L)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), patience.Token);
        }
    }
}
