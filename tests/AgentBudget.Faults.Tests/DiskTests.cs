using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Faults.Tests;

/// <summary>The disk fails under load: what was acknowledged stays, and the silo says what it must.</summary>
public sealed class DiskTests(ITestOutputHelper output)
{
    private const int Clients = 8;
    private const int StorageError = 74;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    [Fact]
    public Task A_failed_sync_ends_the_process_and_loses_nothing_acknowledged() =>
        FailSyncsAsync("fsync,fdatasync", new Random(Seed.Value).Next(1, 200), ofFiles: "");

    // SQLite syncs its log by fsync only, and not at a commit: this one sync is the store's own.
    [Fact]
    public Task Every_commit_syncs_the_log_and_one_that_cannot_ends_the_process() =>
        FailSyncsAsync("fdatasync", failingSync: 1, ofFiles: "ledger.db-wal");

    private async Task FailSyncsAsync(string calls, int failingSync, string ofFiles)
    {
        string told = $"seed {Seed.Value}: {calls} {failingSync} of '{ofFiles}' fails";
        output.WriteLine(told);
        await using var silo = new SiloProcess();
        await silo.StartAsync();
        using var client = new BudgetClient(silo);
        using var diary = new Diary(silo.Folder);
        using var load = new Load(client, diary, Seed.Value);
        await load.SetUpAsync(Clients);
        load.Start();
        await load.AnsweredAsync(100, Patience);
        string[] files = ofFiles.Length == 0
            ? []
            : [.. Directory.EnumerateFiles(silo.Folder, ofFiles, SearchOption.AllDirectories)];
        Assert.Equal(ofFiles.Length > 0, files.Length == 1);
        await using (await Strace.AttachAsync(silo.ProcessId, $"{calls}:error=EIO:when={failingSync}+", files))
        {
            Assert.Equal(StorageError, await silo.ExitCodeAsync());
        }
        await silo.StartAsync();
        await load.AnsweredAsync(100, Patience);
        await load.StopAsync(Patience);
        await new Verdict(client, load, diary, told).ReachAsync();
        Assert.Equal(0, await silo.StopAsync());
    }

    [Fact]
    public async Task A_full_disk_refuses_spends_serves_reads_and_goes_on_when_there_is_space()
    {
        int failingWrite = new Random(Seed.Value).Next(1, 200);
        string told = $"seed {Seed.Value}: no space from write {failingWrite} on";
        output.WriteLine(told);
        await using var silo = new SiloProcess();
        await silo.StartAsync();
        using var client = new BudgetClient(silo);
        using var diary = new Diary(silo.Folder);
        using var load = new Load(client, diary, Seed.Value);
        await load.SetUpAsync(Clients);
        load.Start();
        await load.AnsweredAsync(100, Patience);
        string[] files = [.. Directory.EnumerateFiles(silo.Folder, "ledger.db*", SearchOption.AllDirectories)];
        await using (await Strace.AttachAsync(
            silo.ProcessId, $"pwrite64,pwritev:error=ENOSPC:when={failingWrite}+", files))
        {
            await load.RefusedAsync("STORE_FULL", Patience);
            Assert.Single((await ReadAsync(client)).Grains);
        }
        await load.AnsweredAsync(100, Patience);
        await silo.KillAsync();
        await silo.StartAsync();
        await load.StopAsync(Patience);
        await new Verdict(client, load, diary, told).ReachAsync();
        Assert.Equal(0, await silo.StopAsync());
    }

    // The tenant reloads after a refused write, and asks to be called again until it has.
    private static async Task<GetBalanceResponse> ReadAsync(BudgetClient client)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                return await client.GetBalanceAsync(new GetBalanceRequest { Grain = Accounts.Agent });
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.Unavailable)
            {
                if (patience.IsCancellationRequested) throw;
                await Task.Delay(PollInterval);
            }
        }
    }
}
