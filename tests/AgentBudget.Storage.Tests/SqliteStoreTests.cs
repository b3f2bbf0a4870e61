using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>SQLite keeps the promises, and those that only a file can break.</summary>
public sealed class SqliteStoreTests : StoreConformanceTests
{
    private readonly string _folder =
        Path.Combine(Directory.CreateTempSubdirectory("agentbudget-store-").FullName, "ledger");

    private string Database => Path.Combine(_folder, "ledger.db");

    private string Marker => Path.Combine(_folder, "ledger.marker");

    [Fact]
    public void Files_and_folder_are_private()
    {
        if (OperatingSystem.IsWindows()) return;
        const UnixFileMode ReadWrite = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(ReadWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
        string[] files = Directory.GetFiles(_folder);
        Assert.Equal(4, files.Length);
        foreach (string file in files) Assert.Equal(ReadWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public void A_second_store_on_the_folder_is_refused_with_a_sentence()
    {
        var refusal = Assert.Throws<StoreException>(Open);
        Assert.Contains("is in use by another process", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_symbolic_link_is_refused_for_the_folder_and_each_file()
    {
        await Store.DisposeAsync();
        string link = _folder + "-link";
        Directory.CreateSymbolicLink(link, _folder);
        AssertRefused("symbolic link", link);
        foreach (string name in (string[])["ledger.db", "ledger.marker", "LOCK"])
        {
            string file = Path.Combine(_folder, name);
            File.Move(file, file + ".real");
            File.CreateSymbolicLink(file, file + ".real");
            AssertRefused("symbolic link");
            File.Move(file + ".real", file, overwrite: true);
        }

        await Open().DisposeAsync();
    }

    [Fact]
    public async Task A_folder_that_others_may_write_to_is_refused()
    {
        if (OperatingSystem.IsWindows()) return;
        await Store.DisposeAsync();
        File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | UnixFileMode.OtherWrite);
        AssertRefused("others may write");
    }

    [Fact]
    public async Task A_journal_that_lost_its_log_is_refused()
    {
        string copy = await CopyWhileOpenAsync(groups: 3);
        File.Delete(Path.Combine(copy, "ledger.db-wal"));
        AssertRefused("is incomplete: its journal ends at group 0 and was acknowledged up to 3", copy);
    }

    [Fact]
    public async Task A_torn_tail_of_the_log_is_refused()
    {
        string copy = await CopyWhileOpenAsync(groups: 3);
        using (FileStream log = File.OpenWrite(Path.Combine(copy, "ledger.db-wal"))) log.SetLength(log.Length - 1);
        AssertRefused("was acknowledged up to 3", copy);
    }

    [Fact]
    public async Task An_unacknowledged_tail_may_be_torn()
    {
        string copy = await CopyWhileOpenAsync(groups: 3);
        byte[] markerAfterThree = File.ReadAllBytes(Path.Combine(copy, "ledger.marker"));
        string later = await CopyWhileOpenAsync(groups: 1);
        File.WriteAllBytes(Path.Combine(later, "ledger.marker"), markerAfterThree);
        using (FileStream log = File.OpenWrite(Path.Combine(later, "ledger.db-wal"))) log.SetLength(log.Length - 1);
        await using SqliteStore store = Open(later);
        Assert.Equal(3, Verify(await store.ReadAsync()).Sequence);
    }

    [Fact]
    public async Task A_copy_taken_while_open_has_every_acknowledged_group()
    {
        string copy = await CopyWhileOpenAsync(groups: 5);
        await using SqliteStore store = Open(copy);
        Assert.Equal(await Store.HeadAsync(), Verify(await store.ReadAsync()));
    }

    [Fact]
    public async Task A_marker_survives_the_loss_of_either_slot_and_not_of_both()
    {
        string copy = await CopyWhileOpenAsync(groups: 3);
        string marker = Path.Combine(copy, "ledger.marker");
        byte[] whole = File.ReadAllBytes(marker);
        foreach (int slot in (int[])[0, 4096])
        {
            byte[] torn = [.. whole];
            torn[slot + 20] ^= 1;
            File.WriteAllBytes(marker, torn);
            await Open(copy).DisposeAsync();
        }

        whole[20] ^= 1;
        whole[4096 + 20] ^= 1;
        File.WriteAllBytes(marker, whole);
        AssertRefused("missing or unreadable", copy);
    }

    [Fact]
    public async Task A_missing_marker_is_refused_once_there_are_groups()
    {
        await Store.DisposeAsync();
        File.Delete(Marker);
        SqliteStore store = Open();
        await store.AppendedAsync(JournalHead.Empty, await store.AcquireAsync(), "a");
        await store.DisposeAsync();
        File.Delete(Marker);
        AssertRefused("missing or unreadable");
    }

    [Fact]
    public async Task A_marker_of_another_ledger_is_refused()
    {
        await Store.AppendedAsync(JournalHead.Empty, await Store.AcquireAsync(), "a");
        await Store.DisposeAsync();
        byte[] marker = File.ReadAllBytes(Marker);
        Directory.Delete(_folder, recursive: true);
        SqliteStore store = Open();
        await store.AppendedAsync(JournalHead.Empty, await store.AcquireAsync(), "b");
        await store.DisposeAsync();
        File.WriteAllBytes(Marker, marker);
        AssertRefused("is not the one that its marker belongs to");
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused()
    {
        await Store.DisposeAsync();
        File.WriteAllText(Database, new string('x', 5000));
        AssertRefused("cannot open the ledger");
    }

    [Fact]
    public async Task A_schema_of_a_later_release_is_refused()
    {
        await Store.DisposeAsync();
        Sql("PRAGMA user_version = 99");
        AssertRefused("schema version 99");
    }

    [Fact]
    public async Task An_edited_byte_in_the_file_is_named_at_load()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "first");
        head = await Store.AppendedAsync(head, epoch, "an amount of 100");
        await Store.AppendedAsync(head, epoch, "third");
        await Store.DisposeAsync();
        byte[] file = File.ReadAllBytes(Database);
        file[file.AsSpan().IndexOf("an amount of 100"u8) + 13] = (byte)'9';
        File.WriteAllBytes(Database, file);
        await using SqliteStore store = Open();
        var damage = Assert.Throws<JournalDamagedException>(() => Verify(store.ReadAsync().Result));
        Assert.Equal(2, damage.Sequence);
    }

    [Fact]
    public async Task A_snapshot_with_a_changed_byte_or_a_missing_chunk_is_passed_over()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead first = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        JournalHead third = await Store.AppendedAsync(second, epoch, "c");
        await Store.SaveAsync(epoch, new(first, 1, new byte[300_000]));
        await Store.SaveAsync(epoch, new(second, 1, new byte[300_000]));
        await Store.SaveAsync(epoch, new(third, 1, new byte[300_000]));
        await Store.DisposeAsync();
        Sql("UPDATE snapshot_chunk SET body = zeroblob(3) WHERE last_event = 3 AND chunk = 0");
        Sql("DELETE FROM snapshot_chunk WHERE last_event = 2 AND chunk = 1");
        await using SqliteStore store = Open();
        Assert.Equal(first, (await store.SnapshotAsync())?.Head);
    }

    [Fact]
    public async Task The_log_is_moved_into_the_database_as_it_grows()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 40; i++) head = await Store.AppendedAsync(head, epoch, new string('x', 500_000));
        Assert.True(new FileInfo(Database).Length > 10_000_000);
        Assert.True(new FileInfo(Database + "-wal").Length < 10_000_000);
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public Task A_journal_of_another_store_is_kept_as_it_is() => Imports.AssertKeptAsync((SqliteStore)Store);

    [Fact]
    public Task What_does_not_follow_is_not_imported() => Imports.AssertWholeOrNotAtAllAsync((SqliteStore)Store);

    [Fact]
    public Task Appends_to_a_closed_store_are_unknown_and_calls_throw() => AssertClosedAsync(Store);

    [Fact]
    public async Task Appends_of_many_tenants_are_all_durable()
    {
        string[] tenants = [.. Enumerable.Range(0, 50).Select(i => $"tenant-{i}")];
        await Task.WhenAll(tenants.Select(tenant => Task.Run(async () =>
        {
            long epoch = await Store.AcquireAsync(tenant);
            JournalHead head = JournalHead.Empty;
            for (int i = 0; i < 10; i++)
            {
                using JournalGroup group = Group(tenant, head, epoch, $"{tenant} {i}");
                Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
                head = group.Head;
            }
        })));
        string copy = Copy();
        await using SqliteStore store = Open(copy);
        foreach (string tenant in tenants)
            Assert.Equal(10, Verify(await store.ReadAsync(tenant: tenant), tenant).Sequence);
    }

    protected override Task<ILedgerStore> OpenAsync() => Task.FromResult<ILedgerStore>(Open());

    protected override async Task<ILedgerStore> ReopenAsync(ILedgerStore store)
    {
        await store.DisposeAsync();
        return Open();
    }

    protected override async Task<ILedgerStore> ReopenAfterCrashAsync(ILedgerStore store)
    {
        string copy = Copy();
        await store.DisposeAsync();
        return Open(copy);
    }

    private protected override async Task<ILedgerStore> ReopenWithTornTailAsync(ILedgerStore store, JournalGroup last)
    {
        // The marker is written behind the log: a crash in between leaves the one before.
        string before = Copy();
        Assert.Equal(AppendOutcome.Appended, await store.AppendAsync(last));
        string copy = Copy();
        File.Copy(Path.Combine(before, "ledger.marker"), Path.Combine(copy, "ledger.marker"), overwrite: true);
        using (FileStream log = File.OpenWrite(Path.Combine(copy, "ledger.db-wal"))) log.SetLength(log.Length - 1);
        await store.DisposeAsync();
        return Open(copy);
    }

    private protected override async Task<ILedgerStore> LoseOutcomeAsync(
        ILedgerStore store, JournalGroup group, bool isWritten)
    {
        // Written, and the process died before it could answer; or asked for when the store was closed already.
        if (isWritten)
        {
            Assert.Equal(AppendOutcome.Appended, await store.AppendAsync(group));
            return await ReopenAfterCrashAsync(store);
        }

        await store.DisposeAsync();
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(group));
        return Open();
    }

    protected override Task CleanAsync()
    {
        Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);
        return Task.CompletedTask;
    }

    private static SqliteStore Open(string folder) => SqliteStore.Open(
        new SqliteStoreOptions { Folder = folder, OnFailed = static failure => Assert.Fail(failure.Message) },
        NullLoggerFactory.Instance);

    private SqliteStore Open() => Open(_folder);

    private void AssertRefused(string sentence, string? folder = null)
    {
        var refusal = Assert.Throws<StoreException>(() => Open(folder ?? _folder));
        Assert.Contains(sentence, refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Appends groups, and copies the files as a crash would leave them.</summary>
    private async Task<string> CopyWhileOpenAsync(int groups)
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.HeadAsync();
        for (int i = 0; i < groups; i++) head = await Store.AppendedAsync(head, epoch, $"event {i}");
        return Copy();
    }

    private string Copy()
    {
        string copy = $"{_folder}-copy-{Directory.GetDirectories(Path.GetDirectoryName(_folder)!).Length}";
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(_folder, "ledger.*"))
        {
            using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var target = new FileStream(Path.Combine(copy, Path.GetFileName(file)), FileMode.CreateNew);
            source.CopyTo(target);
        }

        return copy;
    }

    private void Sql(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
