using System.CommandLine;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Gateway.Server;

/// <summary>The command line. What is on it wins over the environment, and that over the file.</summary>
internal sealed class ServerCommand
{
    private const string ConfigVariable = "AGENTBUDGET_CONFIG";

    private readonly Option<string> _config = new("--config")
    {
        Description = "JSON file of settings, such as gateway-config/gateway.json.",
        HelpName = "FILE",
    };

    private readonly List<(string Key, Option Option)> _settings =
    [
        .. ServerSetting.All.Select(setting =>
            (setting.Key, CommandLine.OptionOf(setting.Option, setting.HelpName, setting.Description))),
    ];

    private readonly RootCommand _root;

    /// <param name="run">Runs a gateway until it is stopped; answers the exit code.</param>
    public ServerCommand(Func<ServerModel, Task<int>> run)
    {
        _root = new RootCommand(
            "A gateway of AgentBudget as a process of its own: model and tool calls of unchanged SDKs pass the budget "
            + "of a silo elsewhere."
            + "\n\nEach option is also a key of a --config file and a variable: --credential-file is credentialFile "
            + "in a file and AGENTBUDGET_CREDENTIAL_FILE in the environment. The command line wins over the "
            + "environment, and that over the file. Metrics and traces go where OTEL_EXPORTER_OTLP_ENDPOINT says."
            + "\n\nSIGTERM takes no more calls, waits up to 25 s for those under way and ends the sessions that the "
            + "gateway opened."
            + "\n\nExit codes: 0 stopped cleanly, 64 bad usage or configuration, 77 the silo refuses the credential.")
        {
            _config,
        };
        foreach ((_, Option option) in _settings) _root.Add(option);
        _root.SetAction((parsed, _) => run(ServerModel.From(SettingsOf(parsed))));
    }

    /// <summary>Answers a variable's value, or null.</summary>
    public Func<string, string?> Environment { get; init; } = static name =>
        System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    /// <summary>Where the help is written.</summary>
    public TextWriter Output { get; init; } = Console.Out;

    /// <summary>Runs what the arguments ask for; a wrong one ends in a sentence and exit code 64.</summary>
    public Task<int> InvokeAsync(string[] arguments, TextWriter errors) =>
        CommandLine.InvokeAsync(_root, arguments, Output, errors, ExitCodes.Usage);

    private IConfiguration SettingsOf(ParseResult parsed)
    {
        string? file = parsed.GetValue(_config) ?? Environment(ConfigVariable);
        return new ConfigurationBuilder()
            .AddInMemoryCollection(file is null ? [] : ConfigurationFile.Read(file, ServerModel.FaultOf))
            .AddInMemoryCollection(ServerSetting.All
                .Select(known => KeyValuePair.Create(known.Key, Environment(known.Variable)))
                .Where(known => known.Value is not null))
            .AddInMemoryCollection(CommandLine.Written(parsed, _settings))
            .Build();
    }
}
