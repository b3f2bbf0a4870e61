using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentBudget.Cli.Output;
using AgentBudget.Cli.Reconciling;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Cli.Commands;

/// <summary>Compares the ledger with what providers bill.</summary>
internal static class ReconcileCommand
{
    private const long FileBytesMax = 64 * 1024 * 1024; // A month of a large organization has some megabytes.
    private const int DaysMax = 400; // As of other reports; each is one question to the service.

    private static readonly Dictionary<string, string> Providers = new(StringComparer.Ordinal)
    {
        ["openai"] = "openai",
        ["anthropic"] = "anthropic",
        ["azure"] = "azure",
        ["bedrock"] = "bedrock",
    };

    public static Command Make(CliHost host)
    {
        Argument<string> format = new("format")
        {
            Description = $"Whose export it is: {string.Join(", ", Providers.Keys)}.",
            HelpName = "FORMAT",
        };
        Argument<string> file = new("file")
        {
            Description = "The export: usage or costs in JSON (openai, anthropic), costs in CSV (azure, bedrock).",
            HelpName = "FILE",
        };
        Option<string?> provider = Arguments.Filter(
            "--provider", "Whose models of the catalog it bills. Default: named as the format.", "NAME");
        Option<string[]> models = new("--model")
        {
            Description = "What a name of the export is here: NAME=MODEL. Again for more.",
            HelpName = "PAIR",
        };
        Option<bool> all = new("--all") { Description = "Shows what matches, too." };
        Option<string?> adjust = Arguments.Filter(
            "--adjust", "Charges the difference to this account, as budgets adjust does; once for one file.", "GRAIN");
        return host.Handle(
            new Command(
                "reconcile",
                "Compares a provider's export with the ledger by day (UTC), model, bucket and tier: what matches "
                + "within 0.5 % or 1,000 tokens and 1 % or 0.01, what is missing here and there, and what differs by "
                + "quantity and by price. Ends with 1 where not all matches. Writes nothing without --adjust."
                + "\n\n  agentbudget report reconcile anthropic usage.json --model claude-sonnet-4-5-20250929=sonnet")
            {
                format, file, provider, models, all, adjust,
            },
            async call =>
            {
                string name = call.Get(format);
                if (!Providers.TryGetValue(name, out string? of))
                    throw CliException.Usage($"{name} is none of {string.Join(", ", Providers.Keys)}.");
                string text = await ReadAsync(call, call.Get(file));
                GetCatalogResponse catalog =
                    await call.CallAsync(call.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest());
                ProviderExport export = Parse(name, call.Get(file), text, catalog.Catalog.Currency);
                ModelNames known = new(
                    catalog.Catalog, call.Get(provider) ?? of,
                    Arguments.PairsOf("--model", call.Get(models) ?? []));
                ProviderLine[] theirs = [.. export.Lines.Select(line => line with { Model = known.Of(line.Model) })];
                if (theirs.Length == 0)
                    throw new CliException(ExitCodes.Data, $"{call.Get(file)} has no usage or cost of any model.");
                List<ReconciledLine> lines =
                    Reconciliation.Compare(await OursAsync(call, theirs, known), theirs);
                call.Output.Write(GridOf(lines.Where(line => call.Get(all) || !IsMatched(line))));
                Tell(call, lines, export.Skipped, catalog.Catalog.Currency);
                if (call.Get(adjust) is { } grain) await AdjustAsync(call, grain, lines, text);
                return lines.TrueForAll(IsMatched) ? ExitCodes.Ok : ExitCodes.Failed;
            });
    }

    private static bool IsMatched(ReconciledLine line) =>
        line.As is ReconciledAs.Matched or ReconciledAs.MatchedOverDays;

    private static async Task<string> ReadAsync(CliCall call, string file)
    {
        try
        {
            long bytes = new FileInfo(file).Length;
            if (bytes > FileBytesMax)
            {
                throw new CliException(
                    ExitCodes.Data, $"{file} has {bytes / (1024 * 1024)} MiB, and 64 are read: split it by month.");
            }

            return await File.ReadAllTextAsync(file, call.Cancellation);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.NoInput, $"{file} cannot be read: {fault.Message}");
        }
    }

    private static ProviderExport Parse(string format, string file, string text, string currency)
    {
        try
        {
            switch (format)
            {
                case "azure":
                    return CsvExports.ReadAzure(text, currency);
                case "bedrock":
                    return CsvExports.ReadBedrock(text, currency);
                default:
                    using (JsonDocument page = JsonDocument.Parse(text.TrimStart('\uFEFF')))
                    {
                        return format == "openai"
                            ? JsonExports.ReadOpenAi(page.RootElement, currency)
                            : JsonExports.ReadAnthropic(page.RootElement, currency);
                    }
            }
        }
        catch (ExportException fault)
        {
            throw new CliException(ExitCodes.Data, $"{file}, {fault.Message}. Nothing was compared or written.", fault);
        }
        catch (JsonException fault)
        {
            throw new CliException(ExitCodes.Data, $"{file} is not readable as JSON: {fault.Message}", fault);
        }
    }

    // A day at a time: a row for each model, bucket and tier of it.
    private static async Task<List<ProviderLine>> OursAsync(CliCall call, ProviderLine[] theirs, ModelNames known)
    {
        (DateOnly first, DateOnly last) = (theirs.Min(line => line.Day), theirs.Max(line => line.Day));
        if (last.DayNumber - first.DayNumber >= DaysMax)
            throw new CliException(ExitCodes.Data, $"The export is of more than {DaysMax} days: split it by month.");
        HashSet<string> named = [.. theirs.Select(line => line.Model)];
        List<ProviderLine> ours = [];
        for (DateOnly day = first; day <= last; day = day.AddDays(1))
        {
            GetChargebackResponse spend = await call.CallAsync(
                call.Client.Reports.GetChargebackAsync,
                new GetChargebackRequest
                {
                    Period = new ReportPeriod { StartTime = StartOf(day), EndTime = StartOf(day.AddDays(1)) },
                    GroupBy = { "model", "bucket", "service_tier" },
                });
            foreach (ChargebackRow row in spend.Rows)
            {
                string model = row.Keys["model"];
                bool isTheirs = named.Contains(model) || known.IsOfProvider(model);
                if (model.Length == 0 || row.Buckets.Count == 0 || !isTheirs) continue;
                // Providers bill reasoning as output.
                string bucket = row.Keys["bucket"] == "reasoning" ? "output" : row.Keys["bucket"];
                ours.Add(new ProviderLine(
                    day, model, bucket, row.Keys["service_tier"], row.Buckets.Sum(spent => spent.Tokens),
                    Texts.AmountOf(row.Cost)));
            }
        }

        return ours;
    }

    private static Timestamp StartOf(DateOnly day) =>
        Timestamp.FromDateTimeOffset(new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero));

    private static Grid GridOf(IEnumerable<ReconciledLine> lines)
    {
        Grid grid = new(
            "day", "model", new("bucket", IsOptional: true), new("tier", IsOptional: true), "as",
            new("tokens here", IsNumber: true), new("tokens there", IsNumber: true), new("cost here", IsNumber: true),
            new("cost there", IsNumber: true), new("by quantity", IsNumber: true, IsOptional: true),
            new("by price", IsNumber: true, IsOptional: true))
        {
            Empty = "Everything matches.",
        };
        foreach (ReconciledLine line in lines)
        {
            grid.Add(
                line.Key.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), line.Key.Model, line.Key.Bucket,
                line.Key.Tier, Texts.Name(line.As), TextOf(line.Tokens), TextOf(line.TheirTokens), TextOf(line.Cost),
                TextOf(line.TheirCost), TextOf(line.ByQuantity), TextOf(line.ByPrice));
        }

        return grid;
    }

    private static string TextOf(decimal? number) =>
        number?.ToString("0.############", CultureInfo.InvariantCulture) ?? "";

    private static void Tell(CliCall call, List<ReconciledLine> lines, int skipped, string currency)
    {
        foreach (var group in lines.GroupBy(line => line.As).OrderBy(group => group.Key))
        {
            call.Output.Say(
                $"{Texts.Name(group.Key)}: {group.Count()}, there above here "
                + $"{TextOf(group.Sum(line => line.Difference))} {currency}.");
        }

        if (skipped > 0) call.Output.Say($"{skipped} rows are for no model and were left out.");
    }

    // Its key follows from the file, the account and the amount, so that doing it again changes nothing.
    private static async Task AdjustAsync(CliCall call, string grain, List<ReconciledLine> lines, string text)
    {
        decimal amount = decimal.Round(lines.Where(line => !IsMatched(line)).Sum(line => line.Difference), 9);
        if (amount == 0)
        {
            call.Output.Say("There is no difference to charge.");
            return;
        }

        string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{grain}\n{text}")));
        AdjustSpendResponse answer = await call.CallAsync(
            call.Client.Catalogs.AdjustSpendAsync,
            new AdjustSpendRequest
            {
                RequestId = $"reconcile-{digest[..32]}",
                Grain = grain,
                Amount = Arguments.MoneyOf("--adjust", amount.ToString(CultureInfo.InvariantCulture)),
                Reason = $"reconciled with an export, SHA-256 {digest[..16]}",
            });
        call.Output.Say($"{TextOf(amount)} was charged to {answer.After.Grain}.");
    }
}
