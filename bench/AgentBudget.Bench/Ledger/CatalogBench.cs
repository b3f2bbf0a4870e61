using System.Globalization;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Bench.Ledger;

/// <summary>
/// Measures a large catalog in the ledger alone: the turn that applies it, the turns that patch it, a snapshot of it.
/// </summary>
internal static class CatalogBench
{
    /// <summary>A patch of one agent takes at most this long in its turn, in milliseconds.</summary>
    public const double PatchMillisecondsMax = 50;

    private const int Patches = 100;
    private const int Agents = 100_000 - Patches; // With those that are added as many as a catalog may have.
    private const int Prices = 10_000; // Of a whole public map.
    private const string Tenant = "acme";
    private const long StartNanos = 1_795_000_000_000_000_000;

    /// <summary>Prints a line for each, and answers whether the median patch is within its bound.</summary>
    public static bool Run(TextWriter output)
    {
        var ledger = new TenantLedger(Tenant);
        var apply = new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = "apply", Document = "catalog" }, CatalogOf(Agents), [], "admin");
        (double applied, double appliedBytes) = Measure(ledger, apply);
        output.WriteLine(Line($"apply of {Agents} agents", applied, appliedBytes));
        Measure(ledger, Patch("warm", AgentOf("a1", units: 3)));
        double patched = Median(output, ledger, "patch that adds one", Add);
        double changed = Median(output, ledger, "patch that changes one", Change);
        Median(output, ledger, "patch that removes one", Remove);
        (double put, double putBytes) = Measure(ledger, PatchPrices("put", priceUnits: 1));
        output.WriteLine(Line($"patch that puts {Prices} prices", put, putBytes));
        (put, putBytes) = Measure(ledger, PatchPrices("change", priceUnits: 2));
        output.WriteLine(Line("patch that changes them all", put, putBytes));
        Median(output, ledger, "patch that changes one of them", ChangePrice);
        long before = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = Environment.CpuUsage.TotalTime;
        byte[] snapshot = ledger.Snapshot();
        output.WriteLine(Line(
            $"snapshot of {snapshot.Length / 1024} KiB",
            (Environment.CpuUsage.TotalTime - start).TotalMilliseconds,
            GC.GetAllocatedBytesForCurrentThread() - before));
        return patched <= PatchMillisecondsMax && changed <= PatchMillisecondsMax;
    }

    private static double Median(
        TextWriter output, TenantLedger ledger, string name, Func<int, PatchCatalogCommand> patch)
    {
        var milliseconds = new double[Patches];
        var bytes = new double[Patches];
        for (int number = 0; number < Patches; number++)
            (milliseconds[number], bytes[number]) = Measure(ledger, patch(number));
        Array.Sort(milliseconds);
        Array.Sort(bytes);
        output.WriteLine(Line(name, milliseconds[Patches / 2], bytes[Patches / 2]));
        return milliseconds[Patches / 2];
    }

    private static (double Milliseconds, double Bytes) Measure(TenantLedger ledger, Command command)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        // CPU time, collections included: the machine has other work.
        TimeSpan start = Environment.CpuUsage.TotalTime;
        Answer answer = ledger.Handle(command, StartNanos, []);
        double milliseconds = (Environment.CpuUsage.TotalTime - start).TotalMilliseconds;
        if (answer.Outcome != Outcome.Done || answer.Event is not { Sequence: > 0 })
            throw new InvalidOperationException($"{command.GetType().Name} ended as {answer.Outcome}");
        return (milliseconds, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static PatchCatalogCommand Add(int number) => Patch($"add-{number}", AgentOf($"new-{number}", units: 1));

    private static PatchCatalogCommand Change(int number) =>
        Patch($"change-{number}", AgentOf($"a{number * (Agents / Patches)}", units: 2));

    private static PatchCatalogCommand ChangePrice(int number) =>
        PatchPrices($"price-{number}", priceUnits: 3, first: number * (Prices / Patches), count: 1);

    // As a price map says them: rates by bucket, a threshold, a unit.
    private static PatchCatalogCommand PatchPrices(string requestId, long priceUnits, int first = 0, int count = Prices)
    {
        long rate = priceUnits * 1_000_000_000;
        var put = new Catalog();
        for (int number = first; number < first + count; number++)
        {
            put.Prices.Add(new Price
            {
                Model = string.Create(CultureInfo.InvariantCulture, $"map/m{number}"),
                Provider = "map",
                EffectiveFrom = new Timestamp(),
                Rates = new Rates { Input = rate, Output = 5 * rate, CacheRead = rate / 10 },
                LongContext = new LongContext { AboveTokens = 200_000, Rates = new Rates { Input = 2 * rate } },
                Units = { new UnitRate { Unit = "web_search", Rate = rate } },
                MaxOutputTokens = 64_000,
            });
        }

        return new PatchCatalogCommand(
            new PatchCatalogRequest { RequestId = requestId, Document = new string('p', count * 200) },
            put,
            [],
            [],
            "admin");
    }

    private static PatchCatalogCommand Remove(int number) => new(
        new PatchCatalogRequest { RequestId = $"remove-{number}", Document = "removal" },
        new Catalog(),
        [$"agents/new-{number}"],
        [],
        "admin");

    private static PatchCatalogCommand Patch(string requestId, Agent agent)
    {
        var put = new Catalog();
        put.Agents.Add(agent);
        return new PatchCatalogCommand(
            new PatchCatalogRequest { RequestId = requestId, Document = "patch" }, put, [], [], "admin");
    }

    private static Catalog CatalogOf(int agents)
    {
        var catalog = new Catalog { Tenant = Tenant, Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "unit" });
        catalog.UseCases.Add(new UseCase { Id = "work", BusinessUnit = "unit" });
        catalog.Prices.Add(new Price
        {
            Model = "m",
            EffectiveFrom = new Timestamp(),
            Rates = new Rates { Input = 1_000_000_000, Output = 5_000_000_000 },
        });
        for (int number = 0; number < agents; number++)
            catalog.Agents.Add(AgentOf(string.Create(CultureInfo.InvariantCulture, $"a{number}"), units: 1));
        return catalog;
    }

    // Each with a budget of its own, as agents that are made at run time have.
    private static Agent AgentOf(string id, long units) => new()
    {
        Id = id,
        BusinessUnit = "unit",
        UseCases = { "work" },
        Models = { "m*" },
        Budget = new Budget { Limit = new Money { CurrencyCode = "USD", Units = units }, Period = Period.Day },
    };

    private static string Line(string name, double milliseconds, double bytes) => string.Create(
        CultureInfo.InvariantCulture, $"{name,-31} {milliseconds,10:0.00} ms of CPU {bytes / 1024,12:0} KiB allocated");
}
