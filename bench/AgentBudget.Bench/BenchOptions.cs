using System.Globalization;

namespace AgentBudget.Bench;

/// <summary>What the user wrote on the command line.</summary>
internal sealed record BenchOptions
{
    public const string Help = """
        Measures a silo: no-op, reserve, reserve+commit, on one hot use case and on many tenants.

        dotnet run -c Release --project bench/AgentBudget.Bench -- [options]

          --quick              short rounds; ends within a minute
          --json FILE          writes the results as JSON too
          --rounds N           rounds, of which the medians are taken       (7; quick 3; 1 to 100)
          --seconds S          length of one measurement                    (3; quick 0.5; 0.1 to 60)
          --connections N      HTTP/2 connections                           (4; 1 to 256)
          --streams N          concurrent calls on each                     (100; 1 to 100)
          --items N            items in flight on a Spend stream            (2000; 1 to 4096)
          --sessions N         sessions that spend, per workload            (400; connections to 100000)
          --tenants N          tenants of the many-tenants workload         (8; 1 to 1000)
          --only TEXT          measures only work whose name holds the text, such as "reserve, one"
          --ledger             counts what the ledger's hot path allocates instead, in this process, beside its events
          --catalog            applies and patches a catalog of 100,000 agents instead, in this process
          --no-build           starts the silo as it was last built
          --silo-log           shows what the started silo prints
          --memory             opens --sessions sessions and prints what they weigh in the silo's memory
          --cluster            measures several running silos of one store: --tenants tenants through all of them, and
                               one tenant's Spend through each
          --fill N             spends on one tenant of a running silo until its ledger has N events more, and ends
          --journal TEXT       appends groups to an empty PostgreSQL store, at this connection, instead
          --decommission       measures the calls of an agent's siblings before, while and after it is decommissioned

        Without the following it starts a silo of its own, on free loopback ports, with its data in a temporary folder.
          --grpc HOST:PORT     gRPC address of a running silo; with --cluster several, apart by commas
          --http HOST:PORT     HTTP address of the same silo, or of the first
          --admin-key FILE     file that holds its admin key
          --pid N              its process, to measure its CPU time; only on this machine

        Exit codes: 0 measured; 1 not measured, or calls failed or were denied, or the ledger allocated more than their
        events; 64 bad usage.
        """;

    public bool IsQuick { get; private init; }

    public string? JsonFile { get; private init; }

    public int Rounds { get; private init; }

    public double Seconds { get; private init; }

    public int Connections { get; private init; } = 4;

    public int Streams { get; private init; } = 100;

    public int Items { get; private init; } = 2000;

    public int Sessions { get; private init; } = 400;

    public int Tenants { get; private init; } = 8;

    public string Only { get; private init; } = "";

    public bool IsOfLedger { get; private init; }

    public bool IsOfCatalog { get; private init; }

    public bool SkipsBuild { get; private init; }

    public bool ShowsSiloLog { get; private init; }

    public bool IsMemory { get; private init; }

    public bool IsDecommission { get; private init; }

    public bool IsCluster { get; private init; }

    /// <summary>Events to add; 0 for none.</summary>
    public int Fill { get; private init; }

    /// <summary>Connection of a store for its journal alone.</summary>
    public string? Journal { get; private init; }

    public string? Grpc { get; private init; }

    public string? Http { get; private init; }

    public string? AdminKeyFile { get; private init; }

    public int? ProcessId { get; private init; }

    /// <summary>Reads the arguments. Throws <see cref="FormatException"/> with a sentence.</summary>
    public static BenchOptions Parse(string[] arguments)
    {
        var options = new BenchOptions();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            string Value() =>
                ++i < arguments.Length ? arguments[i] : throw new FormatException($"{name} needs a value");
            options = name switch
            {
                "--quick" => options with { IsQuick = true },
                "--json" => options with { JsonFile = Value() },
                "--rounds" => options with { Rounds = Integer(name, Value(), 1, 100) },
                "--seconds" => options with { Seconds = Number(name, Value(), 0.1, 60) },
                "--connections" => options with { Connections = Integer(name, Value(), 1, 256) },
                "--streams" => options with { Streams = Integer(name, Value(), 1, 100) },
                "--items" => options with { Items = Integer(name, Value(), 1, 4096) },
                "--sessions" => options with { Sessions = Integer(name, Value(), 1, 100_000) },
                "--tenants" => options with { Tenants = Integer(name, Value(), 1, 1000) },
                "--only" => options with { Only = Value() },
                "--ledger" => options with { IsOfLedger = true },
                "--catalog" => options with { IsOfCatalog = true },
                "--no-build" => options with { SkipsBuild = true },
                "--silo-log" => options with { ShowsSiloLog = true },
                "--memory" => options with { IsMemory = true },
                "--decommission" => options with { IsDecommission = true },
                "--cluster" => options with { IsCluster = true },
                "--fill" => options with { Fill = Integer(name, Value(), 1, 10_000_000) },
                "--journal" => options with { Journal = Value() },
                "--grpc" => options with { Grpc = Value() },
                "--http" => options with { Http = Value() },
                "--admin-key" => options with { AdminKeyFile = Value() },
                "--pid" => options with { ProcessId = Integer(name, Value(), 1, int.MaxValue) },
                _ => throw new FormatException($"there is no option {name}"),
            };
        }
        return options.Checked();
    }

    private BenchOptions Checked()
    {
        if (Grpc is null != Http is null || Grpc is null != AdminKeyFile is null)
            throw new FormatException("--grpc, --http and --admin-key go together");
        if ((IsCluster || Fill > 0) && Grpc is null)
            throw new FormatException("--cluster and --fill measure what runs, and need --grpc");
        if (Sessions < Connections || Sessions < Tenants)
            throw new FormatException("--sessions must be at least --connections and --tenants");
        return this with
        {
            Rounds = Rounds > 0 ? Rounds : IsQuick ? 3 : 7,
            Seconds = Seconds > 0 ? Seconds : IsQuick ? 0.5 : 3,
        };
    }

    private static int Integer(string name, string text, int min, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
        && value >= min
        && value <= max
            ? value
            : throw new FormatException($"{name} is a whole number from {min} to {max}");

    private static double Number(string name, string text, double min, double max) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
        && value >= min
        && value <= max
            ? value
            : throw new FormatException(
                string.Create(CultureInfo.InvariantCulture, $"{name} is a number from {min} to {max}"));
}
