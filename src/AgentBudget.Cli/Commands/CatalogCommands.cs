using System.CommandLine;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>The catalog: who exists, what they may do and what they may spend.</summary>
internal static class CatalogCommands
{
    private const string StandardInput = "-";
    private const int CharsPerSecond = 100_000; // A busy silo reads and checks 16 MiB in a minute or two.

    private static readonly TimeSpan DocumentTimeout = TimeSpan.FromMinutes(1);

    public static Command Make(CliHost host) => new("catalog", "Applies, compares and exports the catalog.")
    {
        Apply(host),
        Patch(host),
        Diff(host),
        Export(host),
    };

    private static Command Apply(CliHost host)
    {
        Argument<string> file = FileArgument();
        Option<bool> dryRun = new("--dry-run") { Description = "Says what would change and changes nothing." };
        return host.Handle(
            new Command(
                "apply",
                "Makes the tenant as the document says: all of it, or nothing where it has a fault. Each fault is told "
                + "with its line. Usage survives."
                + "\n\n  agentbudget catalog apply catalog.yaml --dry-run")
            {
                file, dryRun,
            },
            async call =>
            {
                bool isDry = call.Get(dryRun);
                ApplyCatalogResponse answer = await ApplyAsync(call, call.Get(file), isDry);
                call.Output.Write(
                    answer, ChangesOf(answer.Changes, "Nothing changes: the tenant is as the document says."));
                foreach (string notice in answer.Notices) call.Output.Say($"Recorded and not enforced: {notice}");
                return ExitCodes.Ok;
            });
    }

    private static Command Patch(CliHost host)
    {
        Argument<string> file = FileArgument();
        Option<long?> basedOn = new("--based-on")
        {
            Description = "The version of the catalog that the patch is of. Another one in force is left as it is.",
            HelpName = "VERSION",
        };
        Option<bool> dryRun = new("--dry-run") { Description = "Says what would change and changes nothing." };
        return host.Handle(
            new Command(
                "patch",
                "Puts and removes single entries of the catalog in force: all of the patch, or nothing where it has a "
                + "fault. The document has lists of a catalog, and under remove items as changes name them."
                + "\n\n  agentbudget catalog patch - <<< 'remove: [agents/promo-writer]'")
            {
                file, basedOn, dryRun,
            },
            async call =>
            {
                string named = call.Get(file);
                await PatchAsync(
                    call, await ReadAsync(call, named), named, call.Get(basedOn), call.Get(dryRun));
                return ExitCodes.Ok;
            });
    }

    private static Command Diff(CliHost host)
    {
        Argument<string> file = FileArgument();
        return host.Handle(
            new Command(
                "diff",
                "Says what applying a document would change. Ends with 0 where nothing would, and with 1 where "
                + "something would.")
            {
                file,
            },
            async call =>
            {
                ApplyCatalogResponse answer = await ApplyAsync(call, call.Get(file), isDry: true);
                call.Output.Write(answer, ChangesOf(answer.Changes, "No differences."));
                return answer.Changes.Count == 0 ? ExitCodes.Ok : ExitCodes.Failed;
            });
    }

    private static Command Export(CliHost host)
    {
        Option<string?> file = Arguments.Filter("--file", "Where to write it. Default: standard output.", "FILE");
        return host.Handle(
            new Command(
                "export",
                "Writes the catalog as it was applied last, byte for byte, or anew once it was patched; with --output "
                + "json as messages.")
            {
                file,
            },
            async call =>
            {
                GetCatalogResponse answer =
                    await call.CallAsync(call.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest());
                if (call.Get(file) is { } named)
                {
                    await OutputFile.WriteAsync(named, answer.Document, call.Cancellation);
                    call.Output.Say($"The catalog is in {named}.");
                }
                else if (call.Output.Format == OutputFormat.Json)
                {
                    call.Output.Write(answer, new Grid("catalog"));
                }
                else
                {
                    call.Output.WriteText(answer.Document.EndsWith('\n') ? answer.Document : answer.Document + "\n");
                }

                return ExitCodes.Ok;
            });
    }

    private static Argument<string> FileArgument() => new("file")
    {
        Description = "The document, in YAML or JSON; - for standard input.",
        HelpName = "FILE",
    };

    private static async Task<ApplyCatalogResponse> ApplyAsync(CliCall call, string file, bool isDry)
    {
        string document = await ReadAsync(call, file);
        return await ToldAsync(
            file,
            () => call.CallAsync(
                call.Client.Catalogs.ApplyCatalogAsync,
                new ApplyCatalogRequest { Document = document, DryRun = isDry, Format = FormatOf(file) },
                TimeoutOf(call, document)));
    }

    /// <summary>Patches the catalog in force, and writes what changed.</summary>
    /// <param name="call">The call.</param>
    /// <param name="document">The patch.</param>
    /// <param name="file">Where it is from, for faults in it.</param>
    /// <param name="basedOn">The version that it is of; null for any.</param>
    /// <param name="isDry">Whether nothing is to change.</param>
    internal static async Task PatchAsync(CliCall call, string document, string file, long? basedOn, bool isDry)
    {
        PatchCatalogRequest request = new() { Document = document, DryRun = isDry, Format = FormatOf(file) };
        if (basedOn is { } version) request.BaseVersion = version;
        PatchCatalogResponse answer = await ToldAsync(
            file,
            () => call.CallAsync(call.Client.Catalogs.PatchCatalogAsync, request, TimeoutOf(call, document)));
        call.Output.Write(answer, ChangesOf(answer.Changes, "Nothing changes: the catalog is as the patch says."));
        foreach (string notice in answer.Notices) call.Output.Say($"Recorded and not enforced: {notice}");
    }

    /// <summary>The text of a file, or of standard input.</summary>
    internal static async Task<string> ReadAsync(CliCall call, string file)
    {
        try
        {
            return file == StandardInput
                ? await Console.In.ReadToEndAsync(call.Cancellation)
                : await File.ReadAllTextAsync(file, call.Cancellation);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.NoInput, $"{file} cannot be read: {fault.Message}");
        }
    }

    // To read, compare and keep a large document takes longer than other calls do; somebody may have said how long.
    private static TimeSpan? TimeoutOf(CliCall call, string document) =>
        call.Parsed.GetResult(call.Options.Timeout) is { Implicit: false }
            ? TimeSpan.FromSeconds(call.Get(call.Options.Timeout))
            : DocumentTimeout + (document.Length / CharsPerSecond * TimeSpan.FromSeconds(1));

    private static CatalogFormat FormatOf(string file) =>
        file.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? CatalogFormat.Json : CatalogFormat.Yaml;

    // Faults of a document are told with its name.
    private static async Task<T> ToldAsync<T>(string file, Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (AgentBudgetException fault) when (fault.FieldFaults.Count > 0)
        {
            string name = file == StandardInput ? "standard input" : file;
            throw new CliException(
                ExitCodes.Data,
                string.Join('\n', fault.FieldFaults.Select(found => $"{name}: {found.Field}: {found.Description}"))
                + "\nNothing was changed.",
                fault);
        }
    }

    private static Grid ChangesOf(IEnumerable<CatalogChange> changes, string empty)
    {
        Grid grid = new("change", "item") { Empty = empty };
        foreach (CatalogChange change in changes)
        {
            string style = change.Kind switch
            {
                CatalogChange.Types.Kind.Added => "green",
                CatalogChange.Types.Kind.Changed => "yellow",
                CatalogChange.Types.Kind.Removed => "red",
                CatalogChange.Types.Kind.Unspecified => "",
            };
            grid.Add(new GridCell(Texts.Name(change.Kind), style), change.Item);
        }

        return grid;
    }
}
