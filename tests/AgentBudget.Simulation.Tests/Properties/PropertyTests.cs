using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Clients;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Tests.Properties;

/// <summary>
/// Any sequence of commands leaves a ledger that the audit finds nothing in and agrees with. A failing one is made
/// short before it is shown.
/// </summary>
public sealed class PropertyTests
{
    private const int Sequences = 20_000;
    private const int StepsPerSequence = 100;
    private const long Limit = 1000;

    private static readonly long[] Amounts = [1, Limit - 1, Limit, Limit + 1, 0, 10, 333];
    private static readonly long[] SecondsOf = [0, 1, 59, 60, 600, 3600, 86_400];

    [Fact]
    public void Any_sequence_of_commands_is_clean_and_agrees_with_the_audit()
    {
        Gen<LedgerStep> step =
            from kind in Gen.Choose(0, System.Enum.GetValues<StepKind>().Length - 1)
            from which in Gen.Choose(0, 5)
            from size in Gen.Choose(0, 6)
            select new LedgerStep((StepKind)kind, which, size);
        Arbitrary<LedgerStep[]> sequences = Arb.From(step.ArrayOf(StepsPerSequence), Shorter);

        Prop.ForAll(sequences, FaultlessSequence).Check(Config.QuickThrowOnFailure.WithMaxTest(Sequences));
    }

    [Fact]
    public void Shrinking_leaves_out_what_a_failure_does_not_need()
    {
        LedgerStep[] steps = [.. Enumerable.Range(0, 40).Select(at => new LedgerStep(StepKind.Open, 3, at % 7))];
        steps[17] = new LedgerStep(StepKind.End, 0, 0);
        LedgerStep[] shortest = steps;
        while (Shorter(shortest).FirstOrDefault(Fails) is { } shorter) shortest = shorter;

        Assert.Equal([new LedgerStep(StepKind.End, 0, 0)], shortest);

        static bool Fails(LedgerStep[] candidate) => candidate.Any(step => step.Kind == StepKind.End);
    }

    private static bool FaultlessSequence(LedgerStep[] steps)
    {
        var run = new AuditedRun(Limit, tenantNanos: Limit + (Limit / 2), WithWindows);
        foreach (LedgerStep step in steps) Take(run, step);
        return run.Fault() is { } fault ? throw new InvalidOperationException(fault) : true;
    }

    // Days that carry over, and rolling windows of a minute and of ten beside them.
    private static void WithWindows(Catalog catalog)
    {
        catalog.Budget.Period = Period.Day;
        catalog.Budget.Rollover = new Rollover { Cap = AuditedRun.Nanos(100) };
        catalog.FurtherBudgets.Add(RollingOf(Limit * 2, seconds: 600));
        catalog.UseCases[0].Budget.Period = Period.Day;
        catalog.UseCases[0].Budget.Rollover = new Rollover();
        catalog.UseCases[0].FurtherBudgets.Add(RollingOf(Limit - 1, seconds: 60));
        catalog.Agents[0].Budget = RollingOf(Limit * 3, seconds: 3600);
    }

    private static Budget RollingOf(long nanos, long seconds) => new()
    {
        Limit = AuditedRun.Nanos(nanos),
        Period = Period.Rolling,
        Rolling = new Duration { Seconds = seconds },
    };

    private static IEnumerable<LedgerStep[]> Shorter(LedgerStep[] steps)
    {
        for (int width = steps.Length / 2; width >= 1; width /= 2)
        {
            for (int from = 0; from + width <= steps.Length; from += width)
                yield return [.. steps[..from], .. steps[(from + width)..]];
        }

        for (int at = 0; at < steps.Length; at++)
        {
            if (steps[at] is { Which: 0, Size: 0 }) continue;
            LedgerStep[] simpler = [.. steps];
            simpler[at] = steps[at] with { Which = 0, Size = 0 };
            yield return simpler;
        }
    }

    private static void Take(AuditedRun run, LedgerStep step)
    {
        long nanos = Amounts[step.Size];
        long session = run.Newest(step.Which);
        (long Session, long Number) hold = run.Hold(step.Which) ?? (session, 1);
        switch (step.Kind)
        {
            case StepKind.Reserve:
                OnExpiry onExpiry = step.Which % 2 == 0 ? OnExpiry.Refund : OnExpiry.Charge;
                run.Reserve(session, Math.Max(1, nanos), Math.Max(1, SecondsOf[step.Which]), onExpiry);
                break;
            case StepKind.Commit or StepKind.CommitPart:
                run.Commit(hold.Session, hold.Number, nanos, isFinal: step.Kind == StepKind.Commit);
                break;
            case StepKind.Release:
                run.Release(hold.Session, hold.Number);
                break;
            case StepKind.Amend:
                run.Send(new AmendCommand(hold.Session, hold.Number, new AmendReservationRequest
                {
                    RequestId = run.NextId(),
                    Estimate = step.Which % 2 == 0
                        ? new TokenEstimate { InputTokens = Math.Max(1, nanos), MaxOutputTokens = 0 }
                        : null,
                    Ttl = new Duration { Seconds = Math.Max(1, SecondsOf[step.Size]) },
                }));
                break;
            case StepKind.Advance:
                run.Advance((SecondsOf[step.Size] * AuditedRun.NanosPerSecond) - (step.Which % 2));
                break;
            default:
                TakeOther(run, step, session, nanos);
                break;
        }
    }

    private static void TakeOther(AuditedRun run, LedgerStep step, long session, long nanos)
    {
        const string Agent = "agents/a";
        string id = run.NextId();
        switch (step.Kind)
        {
            case StepKind.Open or StepKind.OpenChild:
                run.Open(parent: step.Kind == StepKind.Open ? 0 : session);
                break;
            case StepKind.End:
                run.Send(new EndSessionCommand(session, new EndSessionRequest { RequestId = id }, "admin"));
                break;
            case StepKind.Renew:
                run.Send(new RenewSessionCommand(session, new RenewSessionRequest { RequestId = id }, "admin"));
                break;
            case StepKind.Extend:
                string account = step.Which % 2 == 0 ? "useCases/u" : "tenants/acme";
                Money amount = new() { CurrencyCode = "USD", Nanos = (int)Math.Max(1, nanos) };
                var extend = new ExtendBudgetRequest { RequestId = id, Grain = account, Reason = "more" };
                if (step.Which == 4) extend.Window = "rolling:60s";
                if (step.Which < 3) extend.Amount = amount;
                else extend.Limit = amount;
                run.Send(new ExtendBudgetCommand(extend, "admin"));
                break;
            case StepKind.Repeat:
                run.SendLastAgain();
                break;
            case StepKind.ReuseOtherwise:
                if (Workload.Otherwise(run.Last) is { } otherwise) run.Send(otherwise);
                break;
            case StepKind.Suspend:
                var suspend = new SuspendAgentRequest { RequestId = id, Agent = Agent, Reason = "odd" };
                run.Send(new SuspendAgentCommand(suspend, "admin"));
                break;
            case StepKind.Resume:
                var resume = new ResumeAgentRequest { RequestId = id, Agent = Agent, Reason = "seen" };
                run.Send(new ResumeAgentCommand(resume, "admin"));
                break;
            case StepKind.AuthorizeTool:
                var tool = new AuthorizeToolRequest { RequestId = id, Tool = "crm.read" };
                run.Send(new AuthorizeToolCommand(session, tool));
                break;
        }
    }
}
