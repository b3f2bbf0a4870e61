using System.CommandLine;
using AgentBudget.Cli.Commands;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Run;

/// <summary>What a run is told: whose session, how much, and which command.</summary>
internal sealed class RunArguments
{
    private readonly Argument<string[]> _command = new("command")
    {
        Description = "The command with its arguments, after --.",
        HelpName = "COMMAND",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _agent =
        Arguments.Filter("--agent", "Whose session. Default: the credential's own agent.", "AGENT");

    private readonly Option<string?> _useCase =
        Arguments.Filter("--use-case", "What for; one that the agent may work for.", "USE-CASE");

    private readonly Option<string?> _budget = Arguments.Filter(
        "--budget", "The most it may spend, such as 2 or 0.50. Default: the agent's ceiling.", "AMOUNT");

    private readonly Option<string?> _user =
        Arguments.Filter("--on-behalf-of", "The user it works for. Default: nobody (unattended).", "USER");

    private readonly Option<string?> _task =
        Arguments.Filter("--task", "What it is for, for the ledger. Default: the command's name.", "TEXT");

    private readonly Option<string?> _ttl = Arguments.Filter(
        "--ttl", "How long the token lives that the command starts with. Default and most: the agent's.", "TIME");

    private readonly Option<string?> _gateway = Arguments.Filter(
        "--gateway",
        $"Where the gateway serves models. Also {ChildEnvironment.GatewayVariable}; else "
        + $"{ChildEnvironment.DefaultGateway}.",
        "URL");

    private readonly Option<string[]> _tags = new("--tag")
    {
        Description = "A business tag of the session. May be repeated.",
        HelpName = "NAME=VALUE",
    };

    /// <summary>Asks the command to end when its session does.</summary>
    public Option<bool> Stop { get; } = new("--stop-when-over")
    {
        Description = "Asks the command to end (SIGTERM) when somebody else ends its session. Without it the command "
            + "goes on, and spends no more.",
    };

    public Command AddTo(Command command)
    {
        foreach (Option option in (Option[])[_agent, _useCase, _budget, _user, _task, _tags, _ttl, _gateway, Stop])
            command.Add(option);
        command.Add(_command);
        return command;
    }

    public string[] CommandOf(CliCall call) => call.Get(_command);

    public Uri GatewayOf(CliCall call)
    {
        string text = call.Get(_gateway)
            ?? (Environment.GetEnvironmentVariable(ChildEnvironment.GatewayVariable) is { Length: > 0 } named
                ? named
                : ChildEnvironment.DefaultGateway);
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? gateway) && gateway.Scheme is "http" or "https"
            ? gateway!
            : throw CliException.Usage($"The gateway {text} is no address: give http(s)://HOST:PORT.");
    }

    public OpenSessionRequest RequestOf(CliCall call)
    {
        string user = call.Get(_user) ?? "";
        OpenSessionRequest request = new()
        {
            Agent = Arguments.Named("agents", call.Get(_agent) ?? ""),
            UseCase = Arguments.Named("useCases", call.Get(_useCase) ?? ""),
            OnBehalfOf = user,
            Unattended = user.Length == 0,
            // The name alone: arguments may hold what is nobody's business.
            Task = call.Get(_task) ?? Path.GetFileName(CommandOf(call)[0]),
            Ttl = call.Get(_ttl) is { } ttl ? Arguments.DurationOf("--ttl", ttl) : null,
        };
        if (call.Get(_budget) is { } budget)
            request.Ceilings = new Ceilings { CostPerSession = Arguments.MoneyOf("--budget", budget) };
        foreach ((string name, string value) in Arguments.PairsOf("--tag", call.Get(_tags) ?? []))
            request.Tags[name] = value;
        return request;
    }
}
