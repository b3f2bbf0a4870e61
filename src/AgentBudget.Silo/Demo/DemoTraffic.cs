using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Silo.Demo;

/// <summary>
/// Sample traffic: agents that work within their means, and one in a tight loop, at 0.18 a call. Its session's ceiling
/// of 1.00 refuses the sixth call; it asks on and on, until a breaker suspends its session. It then starts over in a
/// new one, so that there is always something to see.
/// </summary>
internal sealed class DemoTraffic(DemoClient client, DemoTable table, TimeProvider time)
{
    private static readonly TimeSpan WorkPace = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan LoopPace = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan RetryPace = TimeSpan.FromSeconds(2);

    /// <summary>Model calls of one task of an agent that behaves.</summary>
    private const int CallsPerTask = 8;

    /// <summary>Calls after which the loop is given up, on a tenant whose catalog has no breaker for it.</summary>
    private const int LoopCallsMax = 40;

    /// <summary>Runs until cancelled.</summary>
    internal async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            await ApplyCatalogAsync(stopping);
            table.Headline(
            "The demo: two agents spend through the public API, and a third session runs away. Stop it with Ctrl+C.");
            await Task.WhenAll(
                RepeatAsync(
                    new Worker("agents/promo-writer", "useCases/trade-promo", "claude-sonnet-4-5", Seed: 7), stopping),
                RepeatAsync(
                    new Worker("agents/forecaster", "useCases/demand-forecast", "gpt-5-mini", Seed: 11), stopping),
                RepeatAsync(
                    new Worker(
                        "agents/forecaster", "useCases/demand-forecast", "claude-haiku-4-5", Seed: 13, IsRunaway: true),
                    stopping));
        }
        catch (Exception end) when (end is OperationCanceledException or RpcException
            && stopping.IsCancellationRequested)
        {
            // The silo stops, and the demo with it.
        }
    }

    private sealed record Worker(string Agent, string UseCase, string Model, int Seed, bool IsRunaway = false);

    // A tenant that has a catalog keeps it: the demo must not overwrite what somebody set up.
    private async Task ApplyCatalogAsync(CancellationToken stopping)
    {
        try
        {
            await client.GetCatalogAsync(stopping);
        }
        catch (RpcException fault) when (fault.StatusCode == StatusCode.NotFound)
        {
            using Stream resource = typeof(DemoTraffic).Assembly.GetManifestResourceStream("demo-catalog.yaml")!;
            using StreamReader reader = new(resource);
            await client.ApplyCatalogAsync(await reader.ReadToEndAsync(stopping), stopping);
        }
    }

    private async Task RepeatAsync(Worker worker, CancellationToken stopping)
    {
        Random random = new(worker.Seed);
        while (true)
        {
            try
            {
                await TaskAsync(worker, random, stopping);
                await Task.Delay(worker.IsRunaway ? Rest : WorkPace, time, stopping);
            }
            catch (RpcException fault)
            {
                stopping.ThrowIfCancellationRequested();
                table.Line("", worker.Agent, "error", note: fault.Status.Detail);
                await Task.Delay(RetryPace, time, stopping);
            }
        }
    }

    private async Task TaskAsync(Worker worker, Random random, CancellationToken stopping)
    {
        OpenSessionResponse opened = await client.OpenAsync(
            new OpenSessionRequest
            {
                RequestId = client.NextRequestId(),
                Agent = worker.Agent,
                UseCase = worker.UseCase,
                Task = worker.IsRunaway ? "demo: stuck in a loop" : "demo",
                Unattended = true,
                Ttl = Duration.FromTimeSpan(TimeSpan.FromMinutes(5)),
                Tags = { ["environment"] = "staging" },
            },
            stopping);
        string session = opened.Session.Session_;
        table.Line(session, worker.Agent, "open", note: worker.IsRunaway ? "this one will not stop by itself" : "");
        if (worker.IsRunaway)
        {
            await LoopAsync(worker, opened, stopping);
            return;
        }

        bool isDone = await WorkAsync(worker, opened, random, stopping);
        await client.EndAsync(
            new EndSessionRequest
            {
                RequestId = client.NextRequestId(),
                SessionToken = opened.SessionToken,
                Outcome = new Outcome
                {
                    Status = isDone ? Outcome.Types.Status.Success : Outcome.Types.Status.Failure,
                },
            },
            stopping);
        table.Line(session, worker.Agent, "end", note: isDone ? "success" : "failure: the budget held");
    }

    private async Task<bool> WorkAsync(
        Worker worker, OpenSessionResponse opened, Random random, CancellationToken stopping)
    {
        for (int call = 0; call < CallsPerTask; call++)
        {
            long input = random.Next(500, 4_000);
            long output = random.Next(200, 1_000);
            if (!await CallAsync(worker, opened, input, output, usedShare: random.NextDouble(), stopping))
            {
                await Task.Delay(Rest, time, stopping);
                return false;
            }

            await Task.Delay(WorkPace, time, stopping);
        }

        return true;
    }

    private async Task LoopAsync(Worker worker, OpenSessionResponse opened, CancellationToken stopping)
    {
        string session = opened.Session.Session_;
        Session now = opened.Session;
        for (int call = 0; call < LoopCallsMax && now.State == Session.Types.State.Open; call++)
        {
            await CallAsync(worker, opened, 40_000, 28_000, usedShare: 1, stopping);
            now = (await client.GetSessionAsync(session, stopping)).Session;
            await Task.Delay(LoopPace, time, stopping);
        }

        // Why it stopped is in the ledger, for whoever watches.
        ListEntriesResponse trips = await client.ListTripsAsync(session, stopping);
        foreach (LedgerEvent entry in trips.Entries) table.Line(session, worker.Agent, "BREAKER", note: TextOf(entry));
        table.Line(
            session,
            worker.Agent,
            now.State.ToString().ToUpperInvariant(),
            cost: now.Settled.Cost,
            note: $"settled in all, of a ceiling of {DemoTable.Text(now.Ceilings.CostPerSession)}");
    }

    private static string TextOf(LedgerEvent entry)
    {
        BreakerTripped tripped = entry.BreakerTripped;
        string what = tripped.Suspended.Length > 0 ? $"{tripped.Suspended} is suspended" : "it only observes";
        return $"{tripped.Breaker} counts {tripped.Count}, above {tripped.Limit}: {what}";
    }

    /// <summary>One model call: reserve, make believe, commit. False when it was refused.</summary>
    private async Task<bool> CallAsync(
        Worker worker,
        OpenSessionResponse opened,
        long input,
        long output,
        double usedShare,
        CancellationToken stopping)
    {
        ReserveTokensResponse reserved = await client.ReserveAsync(
            new ReserveTokensRequest
            {
                RequestId = client.NextRequestId(),
                SessionToken = opened.SessionToken,
                Model = worker.Model,
                Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = output },
            },
            stopping);
        string session = opened.Session.Session_;
        if (reserved.Decision == Decision.Deny)
        {
            table.Line(session, worker.Agent, "REFUSED", worker.Model, input + output, note: reserved.Denial.Message);
            return false;
        }

        Reservation held = reserved.Reservation;
        string what = reserved.Decision == Decision.AllowDowngraded ? "cheaper" : "hold";
        table.Line(
            session, worker.Agent, what, held.Model, held.Tokens, held.Cost, DemoTable.Text(reserved.Balance));
        CommitTokensResponse committed = await client.CommitAsync(
            new CommitTokensRequest
            {
                RequestId = client.NextRequestId(),
                SessionToken = opened.SessionToken,
                ReservationId = held.ReservationId,
                Usage = new TokenUsage { InputTokens = input, OutputTokens = (long)(output * usedShare) },
            },
            stopping);
        table.Line(
            session,
            worker.Agent,
            "settle",
            held.Model,
            committed.Settled.Tokens,
            committed.Settled.Cost,
            DemoTable.Text(committed.Balance));
        foreach (TierCrossing crossed in committed.TiersCrossed)
        {
            string told = string.Join(" and ", crossed.Notify);
            table.Line(
                session, worker.Agent, "TIER", note: $"{crossed.Grain} passed {crossed.AtPercent} percent: {told}");
        }

        return true;
    }
}
