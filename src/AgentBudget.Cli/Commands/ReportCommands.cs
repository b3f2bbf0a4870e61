using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Reports for finance.</summary>
internal static class ReportCommands
{
    private static readonly string[] Groups =
    [
        "business_unit", "use_case", "agent", "model", "tool", "sku", "session", "hour", "day", "month",
    ];

    private const decimal PpmPerPercent = 10_000m;

    public static Command Make(CliHost host) => new("report", "Reports who spent what on what.")
    {
        Chargeback(host),
        UnitCosts(host),
        RunCostsCommand.Make(host),
        Coverage(host),
        AccessReview(host),
        AnomalyCommand.Make(host),
        AdjacencyCommand.Make(host),
        InitiativeCommand.Make(host),
        RecommendationCommand.Make(host),
        ReconcileCommand.Make(host),
    };

    /// <summary>The agents of an access review.</summary>
    internal static Grid AgentsOf(GetAccessReviewResponse answer)
    {
        Grid grid = new(
            "agent", "standing", new("sessions", IsNumber: true), new("open", IsNumber: true),
            new("expired", IsNumber: true, IsOptional: true), new("out of scope", IsNumber: true),
            new("unused models", IsOptional: true), new("unused tools", IsOptional: true),
            new("unused credentials", IsOptional: true))
        {
            Empty = "The catalog has no agents.",
        };
        foreach (AgentAccess agent in answer.Agents)
        {
            grid.Add(
                agent.Agent,
                new GridCell(agent.Standing, agent.Standing == "active" ? "green" : "red"),
                agent.Sessions,
                agent.SessionsOpen,
                agent.SessionsExpired,
                new GridCell(Texts.Number(agent.OutOfScope), agent.OutOfScope > 0 ? "yellow" : null),
                string.Join(' ', agent.UnusedModels),
                string.Join(' ', agent.UnusedTools),
                string.Join(' ', agent.UnusedCredentials));
        }

        return grid;
    }

    private static Command Chargeback(CliHost host)
    {
        ReportArguments arguments = new(["use_case"], Groups, withCalls: true);
        return host.Handle(
            arguments.AddTo(new Command(
                "chargeback",
                "Spend of a period by group, equal to the ledger to the nano."
                + "\n\n  agentbudget report chargeback --group-by use_case,model --from 2026-11-01 --output csv")),
            async call =>
            {
                string[] groups = arguments.GroupsOf(call);
                GetChargebackRequest request = new()
                {
                    Period = arguments.PeriodOf(call),
                    Filter = arguments.FilterOf(call),
                };
                request.GroupBy.Add(groups);
                GetChargebackResponse answer = await call.CallAsync(call.Client.Reports.GetChargebackAsync, request);
                Grid grid = new(
                [
                    .. groups.Select(group => new GridColumn(group)),
                    new("cost", IsNumber: true), new("tokens", IsNumber: true, IsOptional: true),
                    new("calls", IsNumber: true), new("sessions", IsNumber: true, IsOptional: true),
                    new("refused", IsNumber: true), new("overrun", IsNumber: true, IsOptional: true),
                ])
                {
                    Empty = "Nothing was spent in that period.",
                };
                foreach (ChargebackRow row in answer.Rows) Add(grid, groups, row, style: null);
                // A sum under a table helps people, and would be a row too many for a program.
                if (call.Output.Format == OutputFormat.Table && answer.Rows.Count > 1)
                    Add(grid, groups, answer.Total, "bold");
                call.Output.Write(answer, grid);
                return ExitCodes.Ok;
            });
    }

    private static void Add(Grid grid, string[] groups, ChargebackRow row, string? style)
    {
        IEnumerable<GridCell> keys = style is null
            ? groups.Select(group => (GridCell)row.Keys.GetValueOrDefault(group, ""))
            : groups.Select((_, index) => new GridCell(index == 0 ? "total" : "", style));
        grid.Add(
        [
            .. keys,
            Texts.Money(row.Cost) with { Style = style },
            TokensOf(row.Tokens),
            row.Calls,
            row.Sessions,
            row.Refused,
            Texts.Money(row.Overrun),
        ]);
    }

    private static Command UnitCosts(CliHost host)
    {
        ReportArguments arguments = new(["use_case"], ["business_unit", "use_case", "agent"], withCalls: false);
        return host.Handle(
            arguments.AddTo(new Command(
                "unit-costs",
                "What a run that succeeded cost, and what each unit of an outcome cost over its baseline.")),
            async call =>
            {
                string[] groups = arguments.GroupsOf(call);
                GetUnitCostsRequest request = new()
                {
                    Period = arguments.PeriodOf(call),
                    Filter = arguments.FilterOf(call),
                };
                request.GroupBy.Add(groups);
                GetUnitCostsResponse answer = await call.CallAsync(call.Client.Reports.GetUnitCostsAsync, request);
                Grid grid = new(
                [
                    .. groups.Select(group => new GridColumn(group)),
                    new("cost", IsNumber: true), new("runs", IsNumber: true), new("successful", IsNumber: true),
                    new("cost a success", IsNumber: true), new("metric", IsOptional: true),
                    new("gained", IsNumber: true, IsOptional: true),
                    new("cost a unit", IsNumber: true, IsOptional: true),
                ])
                {
                    Empty = "No run ended in that period.",
                };
                foreach (UnitCostRow row in answer.Rows) Add(grid, groups, row);
                call.Output.Write(answer, grid);
                return ExitCodes.Ok;
            });
    }

    // One row for each metric, so that a program needs no nesting.
    private static void Add(Grid grid, string[] groups, UnitCostRow row)
    {
        foreach (OutcomeCost? outcome in row.Outcomes.Count == 0 ? [null] : row.Outcomes.Cast<OutcomeCost?>())
        {
            grid.Add(
            [
                .. groups.Select(group => (GridCell)row.Keys.GetValueOrDefault(group, "")),
                Texts.Money(row.Cost),
                row.Runs,
                row.SuccessfulRuns,
                Texts.Money(row.CostPerSuccessfulRun),
                outcome?.Metric,
                outcome?.Delta.ToString("0.######", CultureInfo.InvariantCulture),
                Texts.Money(outcome?.CostPerUnit),
            ]);
        }
    }

    private static Command Coverage(CliHost host)
    {
        ReportArguments arguments = new([], [], withCalls: false);
        return host.Handle(
            arguments.AddTo(new Command(
                "coverage",
                "How much of a period's spend is joined to a credential, a scope, a user and a session that is over, "
                + "and the sessions where it is not.")),
            async call =>
            {
                GetAttributionCoverageResponse answer = await call.CallAsync(
                    call.Client.Reports.GetAttributionCoverageAsync,
                    new GetAttributionCoverageRequest { Period = arguments.PeriodOf(call) });
                Grid grid = new("session", "agent", new("cost", IsNumber: true), "missing")
                {
                    Empty = "All spend is attributed.",
                };
                foreach (UnattributedSpend spend in answer.Unattributed)
                {
                    grid.Add(
                        spend.Session,
                        spend.Agent,
                        Texts.Money(spend.Cost),
                        string.Join(", ", spend.Missing.Select(missing => Texts.Name(missing))));
                }

                call.Output.Write(answer, grid);
                string share = (answer.SharePpm / PpmPerPercent).ToString("0.####", CultureInfo.InvariantCulture);
                call.Output.Say(
                    $"{share}% of {Texts.Money(answer.Cost).Text} is attributed.");
                return ExitCodes.Ok;
            });
    }

    private static Command AccessReview(CliHost host)
    {
        Option<int> days = new("--days")
        {
            Description = "How many days back use is looked for, 1 to 400.",
            HelpName = "COUNT",
            DefaultValueFactory = _ => 90,
        };
        return host.Handle(
            new Command(
                "access-review",
                "What each agent may do and did not do, and credentials that are shared, tried or used without their "
                + "certificate.")
            {
                days,
            },
            async call =>
            {
                GetAccessReviewResponse answer = await call.CallAsync(
                    call.Client.Reports.GetAccessReviewAsync, new GetAccessReviewRequest { Days = call.Get(days) });
                call.Output.Write(answer, AgentsOf(answer));
                Warn(call, answer.SharedCredentials, "was used from several places within one hour");
                Warn(call, answer.UnprovenCredentials, "was shown without its certificate");
                Warn(call, answer.AttemptedCredentials, "was tried with wrong secrets");
                return ExitCodes.Ok;
            });
    }

    private static void Warn(CliCall call, IEnumerable<SuspectCredential> suspects, string what)
    {
        foreach (SuspectCredential suspect in suspects)
            call.Output.Say($"{suspect.Credential} of {suspect.Principal} {what}.");
    }

    private static long TokensOf(TokenUsage? usage) => usage is null
        ? 0
        : usage.InputTokens + usage.OutputTokens + usage.CacheReadTokens + usage.CacheWrite5MTokens
            + usage.CacheWrite1HTokens + usage.ReasoningTokens + usage.InputAudioTokens + usage.OutputAudioTokens
            + usage.InputImageTokens + usage.CacheReadAudioTokens + usage.CacheWriteAudioTokens
            + usage.OutputImageTokens;
}
