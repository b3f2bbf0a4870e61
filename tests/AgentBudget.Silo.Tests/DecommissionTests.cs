using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>An agent is decommissioned while it and its sibling spend.</summary>
public sealed class DecommissionTests
{
    private const int SessionsOfWriter = 40;
    private const int CallersOfSibling = 4;
    private const int CallsBefore = 100; // Of the sibling: its pace is there.
    private const int CallsAfter = 100; // It is still there.

    [Fact]
    public async Task An_agent_that_ends_under_load_takes_nobody_along()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string secret = await silo.SecretAsync(Role.Agent, "agents/writer");
        OpenSessionResponse sibling = await silo.OpenAsync(silo.AdminKey, "agents/sibling");
        List<(string Token, string Reservation)> inFlight = [];
        for (int i = 0; i < SessionsOfWriter; i++)
        {
            string token = (await silo.OpenAsync(secret, "agents/writer")).SessionToken;
            inFlight.Add((token, (await silo.SpendAsync(secret, token)).Reservation.ReservationId));
        }

        using CancellationTokenSource over = new();
        SemaphoreSlim granted = new(0);
        Task[] load =
        [
            .. Enumerable.Range(0, CallersOfSibling).Select(_ => Task.Run(
                () => LoadAsync(silo, sibling.SessionToken, granted, over.Token))),
        ];
        await CountAsync(granted, CallsBefore, "the sibling's calls before");
        DecommissionAgentResponse ended = await silo.CallAsync<DecommissionAgentRequest, DecommissionAgentResponse>(
            "DecommissionAgent",
            new DecommissionAgentRequest { RequestId = NextId(), Agent = "agents/writer", Reason = "gone" });
        ReserveTokensResponse next = await silo.SpendAsync(silo.AdminKey, inFlight[0].Token);
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.SpendAsync(secret, inFlight[0].Token));
        CommitTokensResponse[] settled = await Task.WhenAll(
            inFlight.Select(call => silo.CommitAsync(call.Token, NextId(), call.Reservation, 1000)));
        await CountAsync(granted, CallsAfter, "the sibling's calls after");
        await over.CancelAsync();
        await Task.WhenAll(load).WaitAsync(TestSilo.Patience);

        Assert.Equal(SessionsOfWriter, ended.Sessions.Count);
        Assert.Equal((Decision.Deny, Reason.SessionRevoked), (next.Decision, next.Denial.Reason));
        Assert.All(settled, commit => Assert.Equal((true, 1000), (commit.Late, commit.Settled.Tokens)));
        await AssertEndIsOneTurnAsync(silo);
    }

    private static async Task LoadAsync(TestSilo silo, string token, SemaphoreSlim granted, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            ReserveTokensResponse answer = await silo.SpendAsync(silo.AdminKey, token);
            Assert.Equal(Decision.Allow, answer.Decision);
            await silo.CommitAsync(token, NextId(), answer.Reservation.ReservationId, 1000);
            granted.Release();
        }
    }

    private static async Task CountAsync(SemaphoreSlim granted, int calls, string what)
    {
        for (int call = 0; call < calls; call++)
            Assert.True(await granted.WaitAsync(TestSilo.Patience), $"missing: {what}");
    }

    // Between two events of the sibling there is nothing of the end but its own turn: that is all it waited for.
    private static async Task AssertEndIsOneTurnAsync(TestSilo silo)
    {
        List<LedgerEvent> events = await ReadAllAsync(silo);
        int end = events.FindIndex(entry => entry.AgentDecommissioned is not null);
        Assert.True(end > 0);
        LedgerEvent[] turn = [.. events[(end + 1)..].TakeWhile(IsOfEnd)];
        Assert.Equal(2 * SessionsOfWriter, turn.Length); // Each session's end and its closing record.
        Assert.DoesNotContain(events[(end + 1 + turn.Length)..], IsOfEnd);
        bool IsOfSibling(LedgerEvent entry) => entry.Spender?.Agent == "agents/sibling";
        Assert.Contains(events[..end], IsOfSibling);
        Assert.Contains(events[(end + turn.Length)..], IsOfSibling);
    }

    private static bool IsOfEnd(LedgerEvent entry) => entry.SessionEnded is not null || entry.SessionClosed is not null;

    private static async Task<List<LedgerEvent>> ReadAllAsync(TestSilo silo)
    {
        List<LedgerEvent> events = [];
        ListEntriesResponse page;
        string token = "";
        do
        {
            page = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
                "ListEntries", new ListEntriesRequest { PageSize = 500, PageToken = token });
            events.AddRange(page.Entries);
            token = page.NextPageToken;
        }
        while (token.Length > 0);
        return events;
    }
}
