using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Budgets: what is spent and left, and corrections of it.</summary>
internal static class BudgetCommands
{
    private const int AtOnceMax = 8;
    private static readonly int[] UsualTiers = [50, 80, 100, 110];

    public static Command Make(CliHost host) => new("budgets", "Shows what is spent and left, and corrects it.")
    {
        Show(host),
        Extend(host),
        Reset(host),
        Adjust(host),
    };

    private static Command Show(CliHost host)
    {
        Argument<string[]> grains = new("grains")
        {
            Description = "Which: tenants/acme, businessUnits/marketing, useCases/trade-promo, agents/promo-writer. "
                + "Default: every one of the catalog with a budget.",
            HelpName = "GRAIN",
            Arity = ArgumentArity.ZeroOrMore,
        };
        return host.Handle(
            new Command(
                "show",
                "Each budget as a bar: █ settled, ▒ held, | its tiers. The bar ends at the last tier.")
            {
                grains,
            },
            async call =>
            {
                Catalog catalog =
                    (await call.CallAsync(call.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest())).Catalog;
                Dictionary<string, IReadOnlyList<int>> tiers = TiersOf(catalog);
                string[] named = call.Get(grains);
                GrainBalance[] balances = await BalancesAsync(call, named.Length > 0 ? named : [.. tiers.Keys]);
                Grid grid = new(
                    "grain", new("window", IsOptional: true), "bar", new("used", IsNumber: true),
                    new("settled", IsNumber: true), new("held", IsNumber: true, IsOptional: true),
                    new("limit", IsNumber: true), new("left", IsNumber: true, IsOptional: true),
                    new("resets", IsOptional: true))
                {
                    Empty = "The catalog has no budgets.",
                };
                foreach (GrainBalance balance in balances)
                {
                    Add(grid, balance, tiers);
                    foreach (GrainBalance window in balance.Windows) Add(grid, window, tiers);
                }

                call.Output.Write(balances, grid);
                return ExitCodes.Ok;
            });
    }

    private static Command Extend(CliHost host)
    {
        Argument<string> grain = GrainArgument();
        Option<string?> amount = new("--amount") { Description = "Money to add.", HelpName = "AMOUNT" };
        Option<string?> limit = new("--limit") { Description = "The new limit in money.", HelpName = "AMOUNT" };
        Option<long?> amountTokens = new("--amount-tokens") { Description = "Tokens to add.", HelpName = "COUNT" };
        Option<long?> limitTokens =
            new("--limit-tokens") { Description = "The new limit in tokens.", HelpName = "COUNT" };
        Option<string?> until = new("--until")
        {
            Description = "Until when. Default: the end of its period.",
            HelpName = "TIME",
        };
        Option<string?> window = WindowOption();
        Option<string> reason = Arguments.Reason("who needs it for what");
        Command command = new(
            "extend",
            "Raises or sets a limit beside the catalog, with a reason. Give one of --amount, --limit, --amount-tokens "
            + "and --limit-tokens."
            + "\n\n  agentbudget budgets extend useCases/trade-promo --amount 50 --reason 'quarter end'")
        {
            grain, amount, limit, amountTokens, limitTokens, until, window, reason,
        };
        return host.Handle(command, async call =>
        {
            ExtendBudgetRequest request = new()
            {
                Grain = call.Get(grain),
                Window = call.Get(window) ?? "",
                Reason = call.Get(reason),
                Amount = call.Get(amount) is { } more ? Arguments.MoneyOf("--amount", more) : null,
                Limit = call.Get(limit) is { } most ? Arguments.MoneyOf("--limit", most) : null,
                ExpireTime = call.Get(until) is { } end ? Arguments.TimeOf("--until", end) : null,
            };
            if (call.Get(amountTokens) is { } moreTokens) request.AmountTokens = moreTokens;
            if (call.Get(limitTokens) is { } mostTokens) request.LimitTokens = mostTokens;
            ExtendBudgetResponse answer = await call.CallAsync(call.Client.Catalogs.ExtendBudgetAsync, request);
            call.Output.Write(answer, BeforeAndAfter(answer.Before, answer.After));
            return ExitCodes.Ok;
        });
    }

    private static Command Reset(CliHost host)
    {
        Argument<string> grain = GrainArgument();
        Option<string?> window = WindowOption();
        Option<string> reason = Arguments.Reason("why it begins anew");
        return host.Handle(
            new Command("reset", "Starts a window's period over: nothing is settled in it, what is held stays.")
            {
                grain, window, reason,
            },
            async call =>
            {
                ResetBudgetResponse answer = await call.CallAsync(
                    call.Client.Catalogs.ResetBudgetAsync,
                    new ResetBudgetRequest
                    {
                        Grain = call.Get(grain),
                        Window = call.Get(window) ?? "",
                        Reason = call.Get(reason),
                    });
                call.Output.Write(answer, BeforeAndAfter(answer.Before, answer.After));
                return ExitCodes.Ok;
            });
    }

    private static Command Adjust(CliHost host)
    {
        Argument<string?> grain = new("grain")
        {
            Description = "The account, such as useCases/trade-promo. Give this or --reservation.",
            HelpName = "GRAIN",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> reservation = Arguments.Filter("--reservation", "The reservation whose charge is wrong.", "ID");
        Option<string> amount = new("--amount")
        {
            Description = "Money: above zero a debit, below zero a credit.",
            HelpName = "AMOUNT",
            DefaultValueFactory = _ => "0",
        };
        Option<long> tokens = new("--tokens") { Description = "Tokens likewise.", HelpName = "COUNT" };
        Option<string> reason = Arguments.Reason("what was wrong");
        Command command = new(
            "adjust",
            "Credits or debits spend, on an account and all above it."
            + "\n\n  agentbudget budgets adjust useCases/trade-promo --amount=-12.50 --reason 'refund of the provider'")
        {
            grain, reservation, amount, tokens, reason,
        };
        return host.Handle(command, async call =>
        {
            AdjustSpendResponse answer = await call.CallAsync(
                call.Client.Catalogs.AdjustSpendAsync,
                new AdjustSpendRequest
                {
                    Grain = call.Parsed.GetValue(grain) ?? "",
                    ReservationId = call.Get(reservation) ?? "",
                    Amount = Arguments.MoneyOf("--amount", call.Get(amount)!),
                    Tokens = call.Get(tokens),
                    Reason = call.Get(reason),
                });
            call.Output.Write(answer, BeforeAndAfter(answer.Before, answer.After));
            return ExitCodes.Ok;
        });
    }

    private static Argument<string> GrainArgument() =>
        new("grain") { Description = "Whose budget, such as useCases/trade-promo.", HelpName = "GRAIN" };

    private static Option<string?> WindowOption() => new("--window")
    {
        Description = "Which of its windows, by period: day, month. Default: the first of the catalog.",
        HelpName = "PERIOD",
    };

    internal static async Task<GrainBalance[]> BalancesAsync(CliCall call, string[] grains)
    {
        GrainBalance[] balances = new GrainBalance[grains.Length];
        await Parallel.ForAsync(
            0,
            grains.Length,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax, CancellationToken = call.Cancellation },
            async (index, _) => balances[index] = (await call.CallAsync(
                call.Client.Budgets.GetBalanceAsync, new GetBalanceRequest { Grain = grains[index] })).Grains[0]);
        return balances;
    }

    // Every account with a budget, by name, with the tiers of its first one.
    internal static Dictionary<string, IReadOnlyList<int>> TiersOf(Catalog catalog)
    {
        Dictionary<string, IReadOnlyList<int>> tiers = [];
        void Note(string grain, Budget? budget)
        {
            if (budget is not null)
                tiers[grain] = budget.Tiers.Count > 0 ? [.. budget.Tiers.Select(tier => tier.AtPercent)] : UsualTiers;
        }

        Note($"tenants/{catalog.Tenant}", catalog.Budget);
        foreach (BusinessUnit unit in catalog.BusinessUnits) Note($"businessUnits/{unit.Id}", unit.Budget);
        foreach (UseCase useCase in catalog.UseCases) Note($"useCases/{useCase.Id}", useCase.Budget);
        foreach (Agent agent in catalog.Agents) Note($"agents/{agent.Id}", agent.Budget);
        return tiers;
    }

    private static void Add(
        Grid grid, GrainBalance balance, Dictionary<string, IReadOnlyList<int>> tiers)
    {
        (decimal Settled, decimal Held)? shares = BudgetBar.SharesOf(balance);
        string colour = BudgetBar.ColourOf(balance.Tier);
        string used = shares is { } share
            ? ((share.Settled + share.Held) * 100).ToString("0.#", CultureInfo.InvariantCulture) + "%"
            : "";
        grid.Add(
            balance.Grain,
            balance.Window,
            new GridCell(
                shares is { } part
                    ? BudgetBar.Of(part.Settled, part.Held, tiers.GetValueOrDefault(balance.Grain, UsualTiers))
                    : "unlimited",
                colour,
                Csv: ""),
            new GridCell(used, colour, used.TrimEnd('%')),
            Texts.Money(balance.Settled),
            Texts.Money(balance.Held),
            LimitOf(balance.Limit, balance.HasLimitTokens ? balance.LimitTokens : null),
            LimitOf(balance.Available, balance.HasAvailableTokens ? balance.AvailableTokens : null),
            Texts.Time(balance.ResetTime));
    }

    private static GridCell LimitOf(Money? money, long? tokens) =>
        money is not null ? Texts.Money(money)
        : tokens is { } count ? new GridCell($"{Texts.Number(count)} tokens", Csv: Texts.Number(count))
        : "";

    private static Grid BeforeAndAfter(GrainBalance before, GrainBalance after)
    {
        Grid grid = new(
            "", "grain", new("window", IsOptional: true), new("settled", IsNumber: true), new("held", IsNumber: true),
            new("limit", IsNumber: true), new("left", IsNumber: true));
        foreach ((string when, GrainBalance balance) in (ReadOnlySpan<(string, GrainBalance)>)
            [("before", before), ("after", after)])
        {
            grid.Add(
                when,
                balance.Grain,
                balance.Window,
                Texts.Money(balance.Settled),
                Texts.Money(balance.Held),
                LimitOf(balance.Limit, balance.HasLimitTokens ? balance.LimitTokens : null),
                LimitOf(balance.Available, balance.HasAvailableTokens ? balance.AvailableTokens : null));
        }

        return grid;
    }
}
