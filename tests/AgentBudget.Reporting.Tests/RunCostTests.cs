using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Tests.Stories;

namespace AgentBudget.Reporting.Tests;

public sealed class RunCostTests
{
    [Fact]
    public void A_tree_of_a_run_sums_to_its_chargeback_to_the_nano_at_every_node()
    {
        using var report = new StoryReport(11, isPlanted: true);
        string run = report.Ledger.RunawayRun;

        GetRunCostsResponse answer = report.Aggregator.GetRunCosts(Ledgers.Tenant, run)!;

        GetChargebackResponse spend = report.Aggregator.GetChargeback(Ledgers.Tenant, new GetChargebackRequest
        {
            Filter = new ReportFilter { Run = run },
            GroupBy = { "session", "model" },
        });
        Assert.Equal(spend.Total.Cost, answer.Total);
        Assert.Equal(answer.Total, answer.Nodes[0].Whole);
        Assert.Equal((run, "", 0), (answer.Nodes[0].Session, answer.Nodes[0].Parent, answer.Nodes[0].Depth));
        Assert.Equal(13, answer.Nodes.Count);
        Assert.All(answer.Nodes.Skip(1), node => Assert.Equal((run, 1), (node.Parent, node.Depth)));
        foreach (RunCostNode node in answer.Nodes)
        {
            ChargebackRow[] rows = [.. spend.Rows.Where(row => row.Keys["session"] == node.Session)];
            Assert.Equal(rows.Sum(row => NanosOf(row.Cost)), NanosOf(node.Own));
            Assert.Equal(NanosOf(node.Own), node.Lines.Sum(line => NanosOf(line.Cost)));
            Assert.Equal(rows.Sum(row => row.Calls), node.Lines.Sum(line => line.Calls));
            Assert.Equal(
                rows.Select(row => (row.Keys["model"], row.Cost, row.Tokens.InputTokens)).OrderBy(row => row.Item1),
                node.Lines.Select(line => (line.Model, line.Cost, line.Tokens)).OrderBy(row => row.Model));
        }

        Assert.Equal(report.Ledger.Events.Count, answer.Sequence);
        Assert.Null(report.Aggregator.GetRunCosts(Ledgers.Tenant, "sessions/s999999"));
    }

    [Fact]
    public void A_session_stands_below_the_one_that_opened_it_and_what_costs_most_comes_first()
    {
        using var file = new ReportFile();
        using Aggregator aggregator = Aggregator.Open(file.Path);
        var events = new List<LedgerEvent> { Ledgers.Catalog(1, Ledgers.At("2026-11-01T00:00:00Z"), "UTC") };
        Open("s2", "", "");
        Open("s3", "s2", "s2");
        Open("s4", "s2", "s2");
        Open("s5", "s4", "s2");
        Settle("s3", 10, "s2");
        Settle("s5", 30, "s2", ("team", "red"));
        Settle("s2", 1, "");
        Settle("s9", 4, "s2"); // Of a former release, which told no subagents.
        Number();
        aggregator.Fold(Ledgers.Tenant, events);

        GetRunCostsResponse answer = aggregator.GetRunCosts(Ledgers.Tenant, "sessions/s2")!;

        Assert.Equal(
            [
                ("sessions/s2", 0, 1L, 45L), ("sessions/s4", 1, 0L, 30L), ("sessions/s5", 2, 30L, 30L),
                ("sessions/s3", 1, 10L, 10L), ("sessions/s9", 1, 4L, 4L),
            ],
            answer.Nodes.Select(node => (node.Session, node.Depth, NanosOf(node.Own), NanosOf(node.Whole))));
        Assert.Equal("red", Assert.Single(answer.Nodes[2].Lines, line => line.Cost.Nanos == 30).Tags["team"]);

        void Open(string session, string parent, string run) =>
            events.Add(new LedgerEvent { Spender = SpenderOf(session, parent, run), SessionOpened = new() });

        void Settle(string session, long nanos, string run, (string Name, string Value)? tag = null)
        {
            Spender spender = SpenderOf(session, "", run);
            var held = new ReservationHeld { Model = "m" };
            if (tag is { } own) held.Tags = new Tags { Values = { [own.Name] = own.Value } };
            events.Add(new LedgerEvent { Spender = spender, ReservationHeld = held });
            Number();
            var settled = new ReservationSettled { Model = "m", CostNanos = nanos, Reservation = events.Count };
            events.Add(new LedgerEvent { Spender = spender, ReservationSettled = settled });
        }

        Spender SpenderOf(string session, string parent, string run)
        {
            Number();
            return new Spender
            {
                Session = "sessions/" + session,
                Parent = parent.Length > 0 ? "sessions/" + parent : "",
                Run = run.Length > 0 ? "sessions/" + run : "",
                Agent = "agents/a",
                UseCase = "useCases/u",
            };
        }

        void Number()
        {
            for (int i = 0; i < events.Count; i++)
            {
                events[i].Sequence = i + 1;
                events[i].Time ??= events[0].Time;
            }
        }
    }

    private static long NanosOf(Money money) => (money.Units * 1_000_000_000) + money.Nanos;
}
