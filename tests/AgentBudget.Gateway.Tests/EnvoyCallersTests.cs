using AgentBudget.Client;
using AgentBudget.Gateway.Envoy;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Gateway.Tests;

/// <summary>Whoever asks in Envoy's name has connections of its own, for as long as its calls take.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class EnvoyCallersTests(SharedGateway shared)
{
    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task A_caller_that_is_forgotten_keeps_its_connections_until_its_last_call_has_ended()
    {
        string token = await _gateway.OpenAsync();
        await using EnvoyCallers callers = new(_gateway.Client, TimeProvider.System, most: 1);
        string first = await HeaderAsync("envoy-first"), second = await HeaderAsync("envoy-second");
        EnvoyUse slow = await callers.TakeAsync(first, CancellationToken.None);
        EnvoyUse slower = await callers.TakeAsync(first, CancellationToken.None);

        EnvoyUse other = await callers.TakeAsync(second, CancellationToken.None); // There is room for one.
        await slow.DisposeAsync();
        Decision whileForgotten = await AskAsync(slower, token);
        EnvoyUse anew = await callers.TakeAsync(first, CancellationToken.None);
        await slower.DisposeAsync();

        Assert.Same(slow.Caller, slower.Caller);
        Assert.Equal(Decision.Allow, whileForgotten);
        Assert.NotSame(slower.Caller, anew.Caller);
        Assert.Equal(Decision.Allow, await AskAsync(anew, token));
        AgentBudgetException closed = await Assert.ThrowsAsync<AgentBudgetException>(() => AskAsync(slower, token));
        Assert.Equal(StatusCode.Cancelled, closed.StatusCode);
        await anew.DisposeAsync();
        await other.DisposeAsync();
    }

    [Fact]
    public async Task Calls_that_come_at_once_share_one_caller()
    {
        await using EnvoyCallers callers = new(_gateway.Client, TimeProvider.System, most: 10);
        string header = await HeaderAsync("envoy-at-once");

        EnvoyUse[] uses = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => callers.TakeAsync(header, CancellationToken.None)));

        Assert.Single(uses.Select(use => use.Caller).Distinct());
        foreach (EnvoyUse use in uses) await use.DisposeAsync();
        Assert.Equal(0, uses[0].Caller.Uses);
    }

    private static async Task<Decision> AskAsync(EnvoyUse use, string token)
    {
        ReserveTokensResponse answer = await use.Caller.Client.ReserveAsync(new ReserveTokensRequest
        {
            SessionToken = token,
            Model = "m",
            Estimate = new TokenEstimate { InputTokens = 1, MaxOutputTokens = 0 },
            DryRun = true,
        });
        return answer.Decision;
    }

    private async Task<string> HeaderAsync(string principal) =>
        $"Bearer {await _gateway.GatewayCredentialAsync(principal)}";
}
