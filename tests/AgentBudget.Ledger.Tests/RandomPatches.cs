using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Ledger.Tests;

/// <summary>Patches of a small catalog, and the whole catalogs that they come to, written down apart.</summary>
internal static class RandomPatches
{
    private static readonly string[] Agents = ["writer", "editor", "third"];
    private static readonly string[] UseCases = ["promo", "other"];
    private static readonly string[] Users = ["user:kim@acme.test", "user:lee"];

    /// <summary>Every account that there may be, parts among them.</summary>
    public static IEnumerable<string> Accounts
    {
        get
        {
            string[] whole =
            [
                "tenants/acme", "businessUnits/marketing", .. Agents.Select(id => "agents/" + id),
                .. UseCases.Select(id => "useCases/" + id),
            ];
            return whole.Concat(whole.SelectMany(account => (string[])
            [
                $"{account}/models/claude-*", $"{account}/models/{LedgerFixture.Haiku}",
                .. Users.Select(user => $"{account}/users/{user}"),
            ]));
        }
    }

    /// <summary>Entries to put and items to remove; some cannot be.</summary>
    public static (Catalog Put, string[] Removed) Next(Random random, Catalog present)
    {
        var put = new Catalog();
        var removed = new List<string>();
        if (random.Next(2) == 0)
        {
            string id = Agents[random.Next(Agents.Length)];
            if (random.Next(3) == 0 && present.Agents.Any(agent => agent.Id == id)) removed.Add("agents/" + id);
            else put.Agents.Add(AgentOf(random, id));
        }

        if (random.Next(2) == 0)
        {
            string id = UseCases[random.Next(UseCases.Length)];
            if (random.Next(4) == 0 && present.UseCases.Any(useCase => useCase.Id == id)) removed.Add("useCases/" + id);
            else put.UseCases.Add(UseCaseOf(random, id));
        }

        if (random.Next(3) == 0) put.BusinessUnits.Add(UnitOf(random));
        if (random.Next(4) == 0)
            put.Prices.Add(Catalogs.Price(LedgerFixture.Haiku, random.Next(1, 3), random.Next(4, 6)));
        return (put, [.. removed]);
    }

    /// <summary>The whole catalog that a patch comes to.</summary>
    public static Catalog After(Catalog before, Catalog put, string[] removed)
    {
        Catalog after = before.Clone();
        Put(after.BusinessUnits, put.BusinessUnits, unit => unit.Id);
        Put(after.UseCases, put.UseCases, useCase => useCase.Id);
        Put(after.Agents, put.Agents, agent => agent.Id);
        Put(after.Prices, put.Prices, price => price.Model);
        foreach (Agent agent in after.Agents.Where(agent => removed.Contains("agents/" + agent.Id)).ToArray())
            after.Agents.Remove(agent);
        foreach (UseCase one in after.UseCases.Where(one => removed.Contains("useCases/" + one.Id)).ToArray())
            after.UseCases.Remove(one);
        return after;
    }

    /// <summary>The same step of spending for each ledger.</summary>
    public static void Spend(int seed, IEnumerable<LedgerFixture> ledgers)
    {
        foreach (LedgerFixture ledger in ledgers)
        {
            var random = new Random(seed);
            long open = ledger.Journal.LastOrDefault(told => told.SessionOpened is not null)?.Sequence ?? 0;
            if (open > 0 && ledger.Send(new SessionQuery(open)).Outcome != Outcome.Done) open = 0; // It is forgotten.
            switch (random.Next(5))
            {
                case 0:
                    ledger.TryOpen(request =>
                    {
                        request.Agent = "agents/" + Agents[random.Next(Agents.Length)];
                        request.UseCase = "useCases/" + UseCases[random.Next(UseCases.Length)];
                        request.OnBehalfOf = Users[random.Next(Users.Length)];
                    });
                    break;
                case 1:
                    ledger.Advance(random.Next(1, 90_000) * LedgerFixture.Second);
                    break;
                case 2 when open > 0 && ledger.Session(open).State == Session.Types.State.Open:
                    ledger.End(open);
                    break;
                default:
                    if (open > 0) Hold(ledger, open, random);
                    break;
            }
        }
    }

    private static void Hold(LedgerFixture ledger, long session, Random random)
    {
        bool commits = random.Next(2) == 0;
        Answer held = ledger.Reserve(
            session, request => request.Model = random.Next(2) == 0 ? LedgerFixture.Haiku : LedgerFixture.Sonnet);
        if (commits && held.Event?.ReservationHeld is not null)
            ledger.Commit(session, held.Event.Sequence, random.Next(2000), random.Next(2000));
    }

    private static void Put<T>(
        Google.Protobuf.Collections.RepeatedField<T> list, IEnumerable<T> put, Func<T, string> idOf)
        where T : IMessage<T>
    {
        foreach (T entry in put)
        {
            T? present = list.FirstOrDefault(own => idOf(own) == idOf(entry));
            if (present is null) list.Add(entry.Clone());
            else list[list.IndexOf(present)] = entry.Clone();
        }
    }

    private static Agent AgentOf(Random random, string id)
    {
        var agent = new Agent
        {
            Id = id,
            BusinessUnit = "marketing",
            UseCases = { UseCases.Take(random.Next(1, 3)) },
            Models = { random.Next(4) == 0 ? ["claude-*"] : [LedgerFixture.Sonnet, LedgerFixture.Haiku] },
            Budget = BudgetOf(random),
            UserBudgets = random.Next(3) == 0 ? UsersOf(random) : null,
        };
        if (random.Next(3) == 0) agent.ModelBudgets.Add(FamilyOf(random));
        if (random.Next(3) == 0) agent.Ceilings = new Ceilings { StepsPerSession = random.Next(1, 9) };
        return agent;
    }

    private static UseCase UseCaseOf(Random random, string id)
    {
        var useCase = new UseCase
        {
            Id = id,
            BusinessUnit = "marketing",
            Budget = BudgetOf(random),
            UserBudgets = random.Next(3) == 0 ? UsersOf(random) : null,
        };
        if (random.Next(3) == 0) useCase.ModelBudgets.Add(FamilyOf(random));
        return useCase;
    }

    private static BusinessUnit UnitOf(Random random)
    {
        var unit = new BusinessUnit
        {
            Id = "marketing",
            Budget = BudgetOf(random),
            UserBudgets = random.Next(3) == 0 ? UsersOf(random) : null,
        };
        if (random.Next(3) == 0) unit.ModelBudgets.Add(FamilyOf(random));
        return unit;
    }

    private static ModelBudget FamilyOf(Random random) => new()
    {
        Models = random.Next(2) == 0 ? "claude-*" : LedgerFixture.Haiku,
        Budget = BudgetOf(random) ?? new Protocol.V1.Budget { Tokens = 1_000_000 },
    };

    private static UserBudgets UsersOf(Random random)
    {
        var users = new UserBudgets { Budget = BudgetOf(random) };
        if (users.Budget is null || random.Next(2) == 0)
            users.Users.Add(new UserBudget { User = Users[0], Budget = BudgetOf(random) });
        return users;
    }

    private static Protocol.V1.Budget? BudgetOf(Random random)
    {
        Period[] periods = [Period.None, Period.Hour, Period.Day, Period.Month];
        return random.Next(4) == 0
            ? null
            : new Protocol.V1.Budget
            {
                Limit = Catalogs.Dollars(random.Next(1, 300) / 100m),
                Period = periods[random.Next(periods.Length)],
            };
    }
}
