using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using AgentBudget.Cli.Bench;
using AgentBudget.Cli.Commands;
using AgentBudget.Cli.Completion;
using AgentBudget.Cli.Run;
using AgentBudget.Cli.Top;

namespace AgentBudget.Cli;

/// <summary>The command line: <c>agentbudget</c> with everything below it.</summary>
internal static class AgentBudgetCommand
{
    private const int HelpColumnsMax = 100; // Longer lines are hard to read.
    private const int HelpColumnsMin = 40;

    public static async Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter error)
    {
        ParseResult parsed = Make().Parse(arguments);
        if (parsed.Errors.Count > 0 && !IsSuggestion(arguments))
        {
            foreach (ParseError fault in parsed.Errors) await error.WriteLineAsync(fault.Message);
            await error.WriteLineAsync($"Try '{PathOf(parsed.CommandResult)} --help'.");
            return ExitCodes.Usage;
        }

        // In the list of a help a command is one sentence; its own help has all.
        foreach (Command below in parsed.CommandResult.Command.Subcommands)
            below.Description = FirstSentenceOf(below.Description);
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Commands listen to signals themselves.
            Output = output,
            Error = error,
        });
    }

    internal static RootCommand Make()
    {
        CliHost host = new();
        RootCommand root = new(
            "agentbudget sets up, watches and corrects what AI agents may spend, and runs programs on a budget."
            + "\n\nExit codes: 0 done; 1 refused by the service; 64 bad usage; 65 a catalog or ledger with faults; "
            + "66 a file cannot be read; 69 the service cannot be reached; 73 a file cannot be written; 77 the "
            + "credential is refused or may not do that; 130 interrupted. run: the command's own, or 125 no session, "
            + "126 it cannot be run, 127 it is not there.")
        {
            LoginCommands.Login(host),
            LoginCommands.Logout(host),
            LoginCommands.Profiles(host),
            RunCommand.Make(host),
            CatalogCommands.Make(host),
            PriceCommands.Make(host),
            AgentCommands.Make(host),
            CredentialCommands.Make(host),
            SessionCommands.Make(host),
            BudgetCommands.Make(host),
            ApprovalCommands.Make(host),
            NotificationCommands.Make(host),
            SpendCommands.Make(host),
            TopCommand.Make(host),
            ReportCommands.Make(host),
            LedgerCommands.Make(host),
            SiloCommands.Make(host),
            BenchCommand.Make(host),
            CompletionCommand.Make(host),
        };
        host.Options.AddTo(root);
        if (root.Options.OfType<HelpOption>().Single().Action is HelpAction help) help.MaxWidth = HelpColumns();
        return root;
    }

    // A line that is being completed is not finished, and so not faulty.
    private static bool IsSuggestion(string[] arguments) =>
        arguments is [{ } first, ..] && first.StartsWith("[suggest", StringComparison.Ordinal);

    private static string? FirstSentenceOf(string? text) =>
        text?.IndexOf(". ", StringComparison.Ordinal) is > 0 and int end ? text[..(end + 1)]
        : text?.Split("\n\n")[0];

    private static int HelpColumns() => Math.Clamp(Output.CliOutput.ColumnsOf(), HelpColumnsMin, HelpColumnsMax);

    private static string PathOf(CommandResult result)
    {
        List<string> names = [];
        for (SymbolResult? at = result; at is not null; at = at.Parent)
        {
            if (at is CommandResult command)
                names.Insert(0, command.Command is RootCommand ? "agentbudget" : command.Command.Name);
        }

        return string.Join(' ', names);
    }
}
