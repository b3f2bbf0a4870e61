using System.Diagnostics.Metrics;
using System.Globalization;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using static AgentBudget.Runtime.Tests.Fixture;

namespace AgentBudget.Runtime.Tests;

/// <summary>What a host measures: nothing before it is durable, everything once.</summary>
public sealed class MetricTests
{
    [Fact]
    public async Task Nothing_is_counted_before_it_is_durable_and_what_waits_is_seen_waiting()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Faults.HoldAppends();
        Task<Answer> note = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> settlement = fixture.SendAsync(
            new CommitCommand(1, 1, new CommitTokensRequest { RequestId = "c" }));
        Dictionary<string, double> during = Read(fixture.Host);
        fixture.Faults.ReleaseAppends();
        await WithinAsync(Task.WhenAll(note, settlement), "the answers");
        Dictionary<string, double> after = Read(fixture.Host);

        Assert.Equal(1, during["agentbudget.commands.waiting command"]);
        Assert.Equal(1, during["agentbudget.commands.waiting settlement"]);
        Assert.Equal(1, during["agentbudget.appends appended"]); // The tenant's first event.
        Assert.Equal(3, after["agentbudget.appends appended"]);
        Assert.Equal(1, after["agentbudget.tenants active"]);
    }

    [Fact]
    public async Task An_append_counts_by_how_it_ended()
    {
        await using Fixture fixture = await StartAsync();
        AppendFault[] faults = [AppendFault.UnknownWritten, AppendFault.UnknownNotWritten];
        Queue<AppendFault> next = new(faults);
        fixture.Faults.OnAppend = _ => next.TryDequeue(out AppendFault fault) ? fault : AppendFault.None;
        await fixture.NotedAsync("a");
        await fixture.NotedAsync("b");
        Dictionary<string, double> counts = Read(fixture.Host);
        Assert.Equal(2, counts["agentbudget.appends unknown"]);
        Assert.Equal(2, counts["agentbudget.appends appended"]); // The first event, and the one that was tried again.
    }

    [Fact]
    public async Task A_tenant_that_two_activations_had_is_told_apart_from_one_that_is_loaded_again()
    {
        await using Fixture fixture = await StartAsync();
        Assert.Equal(0, Read(fixture.Host)["agentbudget.tenant.drops fence_lost"]);
        await using (InMemoryStore other = fixture.Store.AsAnotherOwner())
            await other.AcquireAsync(Tenant, default);
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.NoteAsync("a")));
        await NotedOnceReadyAsync(fixture, "b");
        Dictionary<string, double> moved = Read(fixture.Host);
        Assert.Equal(1, moved["agentbudget.tenant.drops fence_lost"]);
        Assert.Equal(0, moved["agentbudget.tenant.drops reload"]);

        int failures = 1;
        fixture.Faults.OnAppend = _ => AppendFault.UnknownNotWritten;
        fixture.Faults.OnCall = method => method == nameof(ILedgerStore.AcquireAsync)
            && Interlocked.Decrement(ref failures) == 0 ? new StoreException("not reachable") : null;
        fixture.Log.Expect(3209);
        Assert.Equal(TenantFault.OutcomeUnknown, await FaultOfAsync(fixture.NoteAsync("c")));
        fixture.Faults.OnAppend = null;
        await NotedOnceReadyAsync(fixture, "d");
        Dictionary<string, double> reloaded = Read(fixture.Host);
        Assert.Equal(1, reloaded["agentbudget.tenant.drops fence_lost"]);
        Assert.Equal(1, reloaded["agentbudget.tenant.drops reload"]);
    }

    [Fact]
    public async Task Sessions_are_those_of_the_ledger_after_a_restart_too()
    {
        await using InMemoryStore store = new();
        using TestLog log = new();
        ActivationHost host = await HostAsync(store, log);
        await SendAsync(host, new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = "catalog", Document = "given" }, TwoAgents.Catalog(), [], "admin"));
        long first = (await SendAsync(host, Open("a"))).Event!.Sequence;
        await SendAsync(host, Open("b"));
        Assert.Equal(2, Read(host)["agentbudget.sessions"]);
        await SendAsync(host, new EndSessionCommand(first, new EndSessionRequest { RequestId = "e" }, "admin"));
        Dictionary<string, double> before = Read(host);
        Assert.Equal(1, before["agentbudget.sessions"]);
        Assert.Equal(2, before["agentbudget.ledger.events session_opened"]);
        await host.DisposeAsync();

        host = await HostAsync(store, log);
        await SendAsync(host, new CatalogQuery());
        Dictionary<string, double> after = Read(host);
        Assert.Equal(1, after["agentbudget.sessions"]);
        Assert.False(after.ContainsKey("agentbudget.ledger.events session_opened")); // What was replayed counts not.
        await SendAsync(host, new DecommissionAgentCommand(
            new DecommissionAgentRequest { RequestId = "d", Agent = "agents/writer", Reason = "gone" }, "admin"));
        Assert.Equal(0, Read(host)["agentbudget.sessions"]);
        await host.DisposeAsync();
        log.AssertNoUnexpectedError();
    }

    // The activation that lost the tenant may still be there, and says so.
    private static async Task NotedOnceReadyAsync(Fixture fixture, string id)
    {
        while (true)
        {
            try
            {
                await fixture.NotedAsync(id);
                return;
            }
            catch (TenantException moving) when (moving.Fault == TenantFault.NotReady)
            {
                await Task.Yield();
            }
        }
    }

    private static OpenSessionCommand Open(string id) => new(
        new OpenSessionRequest
        {
            RequestId = id,
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Unattended = true,
        },
        "admin");

    private static async Task<ActivationHost> HostAsync(InMemoryStore store, TestLog log)
    {
        ActivationHost host = new(store, new ActivationHostOptions(), new ManualTimeProvider(), log);
        await host.StartAsync(default);
        return host;
    }

    private static async Task<Answer> SendAsync(ActivationHost host, Command command)
    {
        Answer answer = await WithinAsync(host.SubmitAsync(TwoAgents.Tenant, command).AsTask(), "an answer");
        Assert.Equal(Ledger.Outcome.Done, answer.Outcome);
        return answer;
    }

    private static Dictionary<string, double> Read(ActivationHost host)
    {
        Dictionary<string, double> values = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (ReferenceEquals(instrument.Meter, host.Meter)) self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, labels, _) =>
        {
            string name = instrument.Name;
            foreach (KeyValuePair<string, object?> label in labels)
                name += string.Create(CultureInfo.InvariantCulture, $" {label.Value}");
            values.Add(name, value);
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return values;
    }
}
