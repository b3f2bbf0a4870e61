using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Silo.Demo;

/// <summary>
/// Sample traffic: agents that work within their means, and one in a loop that never commits to being done, until its
/// session's cap refuses it. It then starts over, so that there is always something to see.
/// </summary>
internal sealed class DemoTraffic(DemoClient client, DemoTable table, TimeProvider time)
{
    private static readonly TimeSpan WorkPace = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan LoopPace = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan RetryPace = TimeSpan.FromSeconds(2);

    /// <summary>Model calls of one task of an agent that behaves.</summary>
    private const int CallsPerTask = 8;

    /// <summary>Refusals after which even the runaway agent is taken off.</summary>
    private const int RefusalsMax = 3;

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
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
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
        catch (RpcException fault) when (fault.StatusCode == RpcStatusCode.NotFound)
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
                table.Line("", worker.Agent, "error", note: fault.Message);
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
        bool isDone = worker.IsRunaway
            ? await LoopAsync(worker, opened, stopping)
            : await WorkAsync(worker, opened, random, stopping);
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

    private async Task<bool> LoopAsync(Worker worker, OpenSessionResponse opened, CancellationToken stopping)
    {
        int refusals = 0;
        while (refusals < RefusalsMax)
        {
            if (!await CallAsync(worker, opened, 40_000, 12_000, usedShare: 1, stopping))
                refusals++;
            await Task.Delay(LoopPace, time, stopping);
        }

        return false;
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
