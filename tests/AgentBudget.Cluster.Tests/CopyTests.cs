using AgentBudget.Cluster.Tests.Support;
using AgentBudget.Faults.Tests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cluster.Tests;

/// <summary>
/// A silo by itself becomes a cluster, and a cluster a silo by itself, with everything that was signed.
/// </summary>
public sealed class CopyTests
{
    private const string Catalog = """
        tenant: acme
        currency: USD
        timeZone: UTC
        businessUnits:
          - { id: unit, budget: { limit: 1000.00, period: none } }
        useCases:
          - { id: case, businessUnit: unit }
        agents:
          - { id: agent, businessUnit: unit, useCases: [case], models: [model] }
        prices:
          - { model: model, provider: any, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;

    [Theory]
    [InlineData(StoreKind.Postgres)]
    [InlineData(StoreKind.Azure)]
    public async Task A_ledger_goes_to_the_shared_store_and_back_and_open_holds_are_settled_there(StoreKind kind)
    {
        await using StoreServer store = await StoreServer.StartAsync(kind);
        await using SiloProcess alone = new();
        await alone.StartAsync();
        (string token, string reservation) = await HoldAsync(alone);
        Assert.Equal(0, await alone.StopAsync());

        for (int time = 1; time <= 2; time++) // The second has nothing to do.
        {
            (int code, string said) = await SiloOnce.RunAsync(["--import", alone.Folder, .. store.Connection]);
            Assert.True(code == 0, said);
            Assert.Contains("Every copy is whole and clean.", said);
        }

        string key = Path.Combine(alone.Folder, "cluster.key");
        await File.WriteAllTextAsync(key, "a key of a cluster for tests that is long enough");
        await using (ClusterSilo first = new(alone.Folder, store.Arguments, key))
        {
            await first.StartAsync();
            using BudgetClient client = new(first.AdminKey, first.Grpc);
            CommitTokensResponse settled = await client.CommitAsync(new CommitTokensRequest
            {
                RequestId = "settle",
                SessionToken = token,
                ReservationId = reservation,
                Usage = new TokenUsage { InputTokens = 100, OutputTokens = 100 },
            });
            Assert.Equal(200_000, Accounts.Nanos(settled.Settled.Cost));
            Assert.Equal(0, await first.StopAsync());
        }

        string back = Path.Combine(alone.Folder, "back");
        (int exported, string exportSaid) = await SiloOnce.RunAsync(["--export", back, .. store.Connection]);
        Assert.True(exported == 0, exportSaid);
        (int verified, string verifySaid) = await SiloOnce.RunAsync(
            "--verify", "--data", back, "--checkpoint-key", Path.Combine(alone.Folder, "checkpoint.key"),
            "--checkpoints", Path.Combine(alone.Folder, "ledger.checkpoints"));
        Assert.True(verified == 0, verifySaid);
        Assert.Contains("1 of 1 checkpoints confirmed", verifySaid);
    }

    private static async Task<(string Token, string Reservation)> HoldAsync(SiloProcess silo)
    {
        using BudgetClient client = new(silo);
        await client.ApplyCatalogAsync(Catalog);
        OpenSessionResponse opened = await client.OpenSessionAsync(new OpenSessionRequest
        {
            RequestId = "open",
            Agent = "agents/agent",
            UseCase = "useCases/case",
            Unattended = true,
        });
        ReserveTokensResponse held = await client.ReserveAsync(new ReserveTokensRequest
        {
            RequestId = "hold",
            SessionToken = opened.SessionToken,
            Model = "model",
            Estimate = new TokenEstimate { InputTokens = 500, MaxOutputTokens = 500 },
        });
        Assert.Equal(Decision.Allow, held.Decision);
        return (opened.SessionToken, held.Reservation.ReservationId);
    }
}
