using System.CommandLine;

namespace AgentBudget.Cli.Completion;

/// <summary>Scripts by which shells complete commands and options.</summary>
internal static class CompletionCommand
{
    internal static readonly string[] Shells = ["bash", "zsh", "fish", "pwsh"];

    public static Command Make(CliHost host)
    {
        Argument<string> shell = new("shell") { Description = "Whose.", HelpName = "SHELL" };
        shell.AcceptOnlyFromAmong(Shells);
        return host.Handle(
            new Command(
                "completion",
                "Writes a script by which a shell completes commands and options."
                + "\n\n  source <(agentbudget completion bash)")
            {
                shell,
            },
            call =>
            {
                using Stream script = typeof(CompletionCommand).Assembly.GetManifestResourceStream(call.Get(shell))
                    ?? throw new InvalidOperationException("a shell without its script");
                using StreamReader reader = new(script);
                call.Output.WriteText(reader.ReadToEnd());
                return Task.FromResult(ExitCodes.Ok);
            });
    }
}
