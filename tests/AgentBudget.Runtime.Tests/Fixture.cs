using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Tests;

/// <summary>A host over a store in memory, with scripted ledgers and manual time.</summary>
internal sealed class Fixture : IAsyncDisposable
{
    public const string Tenant = "acme";

    public const int LoadedLog = 3201;
    public const int HaltedLog = 3203;
    public const int LeftMemoryLog = 3204;
    public const int FenceLostLog = 3205;
    public const int ReloadingLog = 3206;
    public const int DefectLog = 3207;
    public const int FullLog = 3121;
    public const int HasSpaceLog = 3122;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private int _ids;

    public Fixture(ActivationHostOptions? options = null)
    {
        Options = options ?? new ActivationHostOptions();
        Host = Make();
    }

    public ActivationHostOptions Options { get; set; }

    public InMemoryStore Store { get; } = new();

    public ManualTimeProvider Time { get; } = new();

    public ScriptedLedgers Ledgers { get; } = new();

    public TestLog Log { get; } = new();

    public ActivationHost Host { get; private set; }

    public InMemoryFaults Faults => Store.Faults;

    /// <summary>A started host, and a tenant with one event.</summary>
    public static async Task<Fixture> StartAsync(ActivationHostOptions? options = null)
    {
        var fixture = new Fixture(options);
        await fixture.Host.StartAsync(default);
        await fixture.BeginAsync();
        return fixture;
    }

    public async Task BeginAsync(string tenant = Tenant) => await WithinAsync(
        Host.SubmitAsync(tenant, new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = "catalog" }, new Catalog(), [], "admin")).AsTask(),
        "the first answer");

    /// <summary>Stops the host and starts another on the same store.</summary>
    public async Task RestartAsync()
    {
        await WithinAsync(Host.StopAsync(default), "the stop");
        Host = Make();
        await Host.StartAsync(default);
    }

    /// <summary>Starts another host on the same store while the first is left as it is, like after kill -9.</summary>
    public async Task KillAndStartAsync()
    {
        Host = Make();
        await Host.StartAsync(default);
    }

    public string NextId() => $"n{Interlocked.Increment(ref _ids)}";

    public Task<Answer> SendAsync(Command command, string tenant = Tenant) =>
        Host.SubmitAsync(tenant, command).AsTask();

    public Task<Answer> NoteAsync(string? id = null) => SendAsync(new NoteCommand(id ?? NextId()));

    public Task<Answer> NotedAsync(string? id = null) => WithinAsync(NoteAsync(id), "an answer");

    /// <summary>The sequence that the tenant's state has reached, as a query sees it.</summary>
    public async Task<long> QueryAsync() =>
        ((LedgerEvent)(await WithinAsync(SendAsync(new CatalogQuery()), "a query's answer")).View!).Sequence;

    public static async Task<TenantFault> FaultOfAsync(Task<Answer> answer) =>
        (await Assert.ThrowsAsync<TenantException>(() => WithinAsync(answer, "a refusal"))).Fault;

    /// <summary>The ids in the journal, in order; the whole chain is verified.</summary>
    public async Task<List<string>> JournalAsync(string tenant = Tenant)
    {
        var verifier = new ChainVerifier(tenant, JournalHead.Empty);
        var ids = new List<string>();
        foreach (StoredGroup group in await GroupsAsync(tenant))
        {
            verifier.Accept(group);
            ids.AddRange(group.ReadEvents(tenant).Select(bytes => LedgerEvent.Parser.ParseFrom(bytes.Span).RequestId));
        }

        return ids;
    }

    public async Task<IReadOnlyList<StoredGroup>> GroupsAsync(string tenant = Tenant) =>
        await Store.ReadGroupsAsync(tenant, 1, int.MaxValue, default);

    public Task HeldAsync() => Faults.AppendHeldAsync(Patience, default);

    public static async Task<T> WithinAsync<T>(Task<T> task, string what)
    {
        await WithinAsync((Task)task, what);
        return await task;
    }

    public static async Task WithinAsync(Task task, string what)
    {
        if (await Task.WhenAny(task, Task.Delay(Patience)) != task) throw new TimeoutException($"missing: {what}");
        await task;
    }

    public async ValueTask DisposeAsync()
    {
        Faults.ReleaseAppends();
        await WithinAsync(Host.StopAsync(default), "the stop");
        await Store.DisposeAsync();
        Log.AssertNoUnexpectedError();
        Log.Dispose();
        Ledgers.Dispose();
    }

    private ActivationHost Make() => new(Store, Options, Time, Log, Ledgers);
}
