using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AgentBudget.Cli.Output;
using AgentBudget.Cli.Prices;

namespace AgentBudget.Cli.Commands;

/// <summary>The price book: prices that others keep, as entries of a catalog.</summary>
internal static class PriceCommands
{
    private const int MapCharsMax = 64 * 1024 * 1024; // Public maps have some megabytes.
    private const int PricesMax = 20_000; // Of a catalog.

    private delegate PriceImport Reader(JsonElement map, string? provider);

    public static Command Make(CliHost host) => new("prices", "Brings prices into the catalog.")
    {
        new Command("import", "Reads a price map that others keep. Money is taken for the tenant's currency.")
        {
            Import(
                host,
                "litellm",
                "Reads LiteLLM's model_prices_and_context_window.json.",
                "agentbudget prices import litellm model_prices_and_context_window.json --file prices.yaml",
                LiteLlmMap.Read),
            Import(
                host,
                "models-dev",
                "Reads a map as models.dev's api.json. Models are named PROVIDER/MODEL; with --provider, MODEL.",
                "agentbudget prices import models-dev api.json --provider openai --apply --dry-run",
                ModelsDevMap.Read),
        },
    };

    private static Command Import(CliHost host, string name, string what, string example, Reader reader)
    {
        Argument<string> map = new("file")
        {
            Description = "The map, in JSON; - for standard input.",
            HelpName = "FILE",
        };
        Option<string?> file = Arguments.Filter(
            "--file", "Where to write the fragment. Default: standard output.", "FILE");
        Option<string?> provider = Arguments.Filter("--provider", "Only prices of this provider.", "NAME");
        Option<string?> from = Arguments.Filter(
            "--from", "From when on the prices are in force. Default: always.", "TIME");
        Option<bool> apply = new("--apply") { Description = "Patches the catalog in force with the prices." };
        Option<bool> dryRun = new("--dry-run") { Description = "With --apply: says what would change, no more." };
        return host.Handle(
            new Command(
                name,
                what + " Writes a fragment for catalog patch, in YAML, or with --output json in JSON. What a catalog "
                + "cannot say is told on standard error, per entry, with counts."
                + "\n\n  " + example)
            {
                map, file, provider, from, apply, dryRun,
            },
            async call =>
            {
                string? since = call.Get(from) is { } text
                    ? Texts.Time(Arguments.TimeOf("--from", text))
                    : null;
                if (call.Get(dryRun) && !call.Get(apply)) throw CliException.Usage("--dry-run goes with --apply.");
                PriceImport import = await ReadAsync(call, call.Get(map), call.Get(provider), reader);
                Tell(call.Output, import);
                if (import.Prices.Count == 0)
                    throw new CliException(ExitCodes.Data, "The map has no price that a catalog can say.");
                if (import.Prices.Count > PricesMax)
                {
                    throw new CliException(
                        ExitCodes.Data,
                        $"The map has {import.Prices.Count} prices, and a catalog at most {PricesMax}: name a "
                        + "--provider.");
                }

                if (call.Get(file) is not null || !call.Get(apply))
                    await WriteAsync(call, call.Get(file), import, since);
                if (call.Get(apply))
                {
                    await CatalogCommands.PatchAsync(
                        call, FragmentText.Yaml(import, since), "prices.yaml", basedOn: null, call.Get(dryRun));
                }

                return ExitCodes.Ok;
            });
    }

    private static async Task<PriceImport> ReadAsync(CliCall call, string map, string? provider, Reader reader)
    {
        string text = await CatalogCommands.ReadAsync(call, map);
        if (text.Length > MapCharsMax) throw new CliException(ExitCodes.Data, $"{map} is larger than 64 MiB.");
        try
        {
            using JsonDocument document = JsonDocument.Parse(text.TrimStart('\uFEFF'));
            if (document.RootElement.ValueKind == JsonValueKind.Object) return reader(document.RootElement, provider);
        }
        catch (JsonException fault)
        {
            throw new CliException(ExitCodes.Data, $"{map} is not readable as JSON: {fault.Message}", fault);
        }

        throw new CliException(ExitCodes.Data, $"{map} is no map of models: it must be a JSON object.");
    }

    private static async Task WriteAsync(CliCall call, string? file, PriceImport import, string? from)
    {
        bool isJson = file is null
            ? call.Output.Format == OutputFormat.Json
            : file.EndsWith(".json", StringComparison.OrdinalIgnoreCase);
        string document = isJson ? FragmentText.Json(import, from) : FragmentText.Yaml(import, from);
        if (file is null)
        {
            call.Output.WriteText(document);
            return;
        }

        await OutputFile.WriteAsync(file, document, call.Cancellation);
        call.Output.Say($"The prices are in {file}.");
    }

    // Each entry with what of it is not said, then how often which reason is.
    private static void Tell(CliOutput output, PriceImport import)
    {
        foreach (Unsaid unsaid in import.Unsaid)
        {
            string field = unsaid.Field.Length == 0 ? "" : $" {unsaid.Field}";
            string value = unsaid.Value.Length == 0 ? "" : $" ({unsaid.Value})";
            output.Say($"{unsaid.Entry}:{field}{value}: {unsaid.Why}".Replace("::", ":", StringComparison.Ordinal));
        }

        output.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{import.Entries} entries: {import.Prices.Count} prices of {import.Models} models, "
            + $"{import.Regions.Count} regional multipliers."));
        foreach (IGrouping<string, Unsaid> why in import.Unsaid.GroupBy(unsaid => unsaid.Why)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal))
        {
            output.Say($"Not said {why.Count()} times: {why.Key}.");
        }

        if (import.Rounded > 0)
            output.Say($"Rounded {import.Rounded} times, to a billionth per million.");
    }
}
