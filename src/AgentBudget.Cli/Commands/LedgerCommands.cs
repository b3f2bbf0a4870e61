using System.CommandLine;
using System.Diagnostics;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Cli.Commands;

/// <summary>The ledger: its proof, its events, and a signed place in it.</summary>
internal static class LedgerCommands
{
    private const int EntriesPerPage = 1_000;
    private const int ProgressEntries = 10_000;
    private static readonly TimeSpan VerifyMax = TimeSpan.FromHours(1); // Ten seconds a million events.
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    public static Command Make(CliHost host) => new("ledger", "Verifies and exports the ledger.")
    {
        Verify(host),
        Export(host),
        Checkpoint(host),
    };

    private static Command Verify(CliHost host)
    {
        Option<string[]> files = new("--checkpoint")
        {
            Description = "A file of signed checkpoints, one a line, to hold the ledger against. May be repeated.",
            HelpName = "FILE",
        };
        return host.Handle(
            new Command(
                "verify",
                "Recomputes every event by an independent model, and compares the ledger with signed checkpoints. Ends "
                + "with 0 where everything holds, and with 65 where something does not.")
            {
                files,
            },
            async call =>
            {
                VerifyLedgerRequest request = new();
                foreach (string file in call.Get(files) ?? []) request.Checkpoints.Add(await LinesOfAsync(file));
                Task<VerifyLedgerResponse> verifying =
                    call.CallAsync(call.Client.Spend.VerifyLedgerAsync, request, VerifyMax);
                await TellProgressAsync(verifying);
                VerifyLedgerResponse answer = await verifying;
                Grid grid = new("rule", new("sequence", IsNumber: true), new("group", IsNumber: true), "finding")
                {
                    Empty = "No findings.",
                };
                foreach (LedgerFinding finding in answer.Findings)
                    grid.Add(new GridCell(finding.Rule, "red"), finding.Sequence, finding.Group, finding.Sentence);
                call.Output.Write(answer, grid);
                foreach (CheckpointResult result in answer.Checkpoints)
                    call.Output.Say($"Checkpoint at event {result.Checkpoint.Sequence}: {Texts.Name(result.State)}.");
                call.Output.Say(answer.Clean
                    ? $"The ledger is sound up to event {answer.Sequence} ({answer.Hash})."
                    : $"The ledger is NOT sound: {answer.FindingsFound} findings.");
                return answer.Clean ? ExitCodes.Ok : ExitCodes.Data;
            });
    }

    private static Command Export(CliHost host)
    {
        Option<long> from = new("--from")
        {
            Description = "The first event, by its sequence.",
            HelpName = "SEQUENCE",
            DefaultValueFactory = _ => 1,
        };
        Option<string?> file = new("--file")
        {
            Description = "Where to write. Default: standard output.",
            HelpName = "FILE",
        };
        return host.Handle(
            new Command("export", "Writes every event of the ledger as JSON, one a line, up to where it ends now.")
            {
                from, file,
            },
            async call =>
            {
                if (call.Get(file) is not { } named)
                {
                    await ExportAsync(call, call.Get(from), text =>
                    {
                        call.Output.WriteText(text);
                        return Task.CompletedTask;
                    });
                    return ExitCodes.Ok;
                }

                string beside = $"{named}.{Environment.ProcessId}";
                try
                {
                    await using (StreamWriter writer = new(beside))
                        await ExportAsync(call, call.Get(from), writer.WriteAsync);
                    File.Move(beside, named, overwrite: true);
                }
                catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                {
                    throw Unwritable(named, fault);
                }
                finally
                {
                    File.Delete(beside);
                }

                return ExitCodes.Ok;
            });
    }

    private static Command Checkpoint(CliHost host)
    {
        Option<string?> file = new("--file")
        {
            Description = "The file to add the signed line to. Keep it apart from the ledger.",
            HelpName = "FILE",
        };
        return host.Handle(
            new Command("checkpoint", "Where the ledger ends now, signed: what 'ledger verify' takes later.") { file },
            async call =>
            {
                GetCheckpointResponse answer =
                    await call.CallAsync(call.Client.Spend.GetCheckpointAsync, new GetCheckpointRequest());
                if (call.Get(file) is { } named)
                {
                    try
                    {
                        await File.AppendAllTextAsync(named, answer.Signed + "\n", call.Cancellation);
                    }
                    catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                    {
                        throw Unwritable(named, fault);
                    }
                }

                Grid grid = new("tenant", new("sequence", IsNumber: true), "time", "hash");
                grid.Add(
                    answer.Checkpoint.Tenant,
                    answer.Checkpoint.Sequence,
                    Texts.Time(answer.Checkpoint.Time),
                    answer.Checkpoint.Hash);
                call.Output.Write(answer, grid);
                if (call.Get(file) is { } kept) call.Output.Say($"Its signed line is in {kept}.");
                else if (call.Output.Format == OutputFormat.Table) call.Output.WriteText(answer.Signed + "\n");
                return ExitCodes.Ok;
            });
    }

    private static CliException Unwritable(string file, Exception fault) =>
        new(ExitCodes.CannotCreate, $"{file} cannot be written: {fault.Message}", fault);

    private static async Task ExportAsync(CliCall call, long from, Func<string, Task> write)
    {
        long end = (await call.CallAsync(call.Client.Spend.GetCheckpointAsync, new GetCheckpointRequest()))
            .Checkpoint.Sequence;
        long told = 0;
        for (long next = from; next <= end;)
        {
            ListEntriesResponse page = await call.CallAsync(
                call.Client.Spend.ListEntriesAsync,
                new ListEntriesRequest
                {
                    FromSequence = next,
                    PageSize = (int)Math.Min(EntriesPerPage, end - next + 1),
                });
            if (page.Entries.Count == 0) break;
            foreach (LedgerEvent entry in page.Entries) await write(JsonFormatter.Default.Format(entry) + "\n");
            next = page.Entries[^1].Sequence + 1;
            told += page.Entries.Count;
            if (told % ProgressEntries < EntriesPerPage && told >= ProgressEntries)
                call.Output.Say($"{told} events, {Math.Max(0, end - next + 1)} to go.");
        }
    }

    private static async Task<string[]> LinesOfAsync(string file)
    {
        try
        {
            return [.. (await File.ReadAllLinesAsync(file)).Where(line => line.Length > 0)];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.NoInput, $"{file} cannot be read: {fault.Message}");
        }
    }

    // A line that is written over; only where somebody looks.
    private static async Task TellProgressAsync(Task verifying)
    {
        if (Console.IsErrorRedirected) return;
        long start = Stopwatch.GetTimestamp();
        while (await Task.WhenAny(verifying, Task.Delay(ProgressInterval)) != verifying)
            await Console.Error.WriteAsync($"\rverifying, {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s …");
        await Console.Error.WriteAsync("\r                         \r");
    }
}
