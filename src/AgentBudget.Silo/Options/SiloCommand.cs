using System.CommandLine;
using AgentBudget.Silo.Copy;
using AgentBudget.Silo.Migrate;
using AgentBudget.Silo.Stores;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Silo.Options;

/// <summary>The command line: every setting as an option, and what a person does once.</summary>
internal sealed class SiloCommand
{
    private readonly Option<string> _config = new("--config")
    {
        Description = "JSON file of settings, such as silo-config/embedded.json.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _verify = new("--verify")
    {
        Description = "Verify the ledgers in the data folder against their signed checkpoints, say what is found, and "
            + "end; change nothing. Ends with 0 when they are clean and 65 when not. No silo may run on the folder.",
    };

    private readonly Option<bool> _migrate = new("--migrate")
    {
        Description = "Make the store of --postgres or --azure, or bring it up to this release, and end. Log in to "
            + "PostgreSQL with a role that may create schemas and roles; silos log in with another.",
    };

    private readonly Option<string> _import = new("--import")
    {
        Description = "Copy every ledger of a stopped silo's data folder into the store of --postgres or --azure, "
            + "byte for byte, audit the copies, and end.",
        HelpName = "DIR",
    };

    private readonly Option<string> _export = new("--export")
    {
        Description = "Copy every ledger of the store of --postgres or --azure into a data folder, and otherwise as "
            + "--import. No silo may run on either.",
        HelpName = "DIR",
    };

    private readonly List<(string Key, Option Option)> _settings =
        [.. SiloSetting.All.Select(setting => (setting.Key, OptionOf(setting)))];

    private readonly RootCommand _root;

    /// <param name="run">Runs a silo until it is stopped; answers the exit code.</param>
    internal SiloCommand(Func<SiloModel, Task<int>> run)
    {
        _root = new RootCommand(
            "AgentBudget decides, before each model call is made, whether an agent may spend, holds the amount and "
            + "keeps the ledger."
            + "\n\nEach option is also a key of a --config file and a variable: --tls-certificate is tls:certificate "
            + "in a file and AGENTBUDGET_TLS__CERTIFICATE in the environment. The command line wins over the "
            + "environment, and that over the file; silo-config/ has the keys of all options, with comments."
            + "\n\nExit codes: 0 stopped cleanly, 64 bad usage or configuration, 65 a verified ledger is wrong, "
            + "74 the store failed.")
        {
            _config,
        };
        foreach ((_, Option option) in _settings) _root.Add(option);
        _root.Add(_verify);
        _root.Add(_migrate);
        _root.Add(_import);
        _root.Add(_export);
        _root.SetAction((parsed, _) => OnceOf(parsed) ?? run(ModelOf(parsed)));
    }

    /// <summary>Makes a shared store; answers the exit code.</summary>
    internal Func<SharedStoreModel, Task<int>> Migrate { get; init; } =
        static store => MigrateProcess.RunAsync(store, Console.Out, Console.Error);

    /// <summary>The variables that count.</summary>
    internal IReadOnlyDictionary<string, string> Environment { get; init; } = SiloConfiguration.EnvironmentOfProcess();

    /// <summary>Where the help is written.</summary>
    internal TextWriter Output { get; init; } = Console.Out;

    /// <summary>Runs what the arguments ask for; a wrong one ends in a sentence and exit code 64.</summary>
    internal Task<int> InvokeAsync(string[] arguments, TextWriter errors) =>
        CommandLine.InvokeAsync(_root, arguments, Output, errors, ExitCodes.Usage);

    private static Option OptionOf(SiloSetting setting)
    {
        Option option = CommandLine.OptionOf(setting.Option, setting.HelpName, setting.Description);

        // A person who verifies compares with one file, and calls it so.
        if (setting.Key == "checkpoint:file") option.Aliases.Add("--checkpoint");
        return option;
    }

    // To verify is for a person and not for the environment or a file.
    private SiloModel ModelOf(ParseResult parsed) => SiloModel.From(ConfigurationOf(parsed)) with
    {
        IsVerify = parsed.GetValue(_verify),
    };

    // What a person does once with a shared store; null for a silo.
    private Task<int>? OnceOf(ParseResult parsed)
    {
        if (parsed.GetValue(_migrate)) return Migrate(StoreOf(parsed));
        if (parsed.GetValue(_import) is { } from)
            return CopyProcess.ImportAsync(from, StoreOf(parsed), Output, Console.Error);
        return parsed.GetValue(_export) is { } to
            ? CopyProcess.ExportAsync(to, StoreOf(parsed), Output, Console.Error)
            : null;
    }

    // Whoever makes the store needs nothing else that a silo needs.
    private SharedStoreModel StoreOf(ParseResult parsed) => SiloModel.StoreOnce(ConfigurationOf(parsed));

    private IConfiguration ConfigurationOf(ParseResult parsed)
    {
        string? file = parsed.GetValue(_config)
            ?? Environment.GetValueOrDefault(SiloConfiguration.EnvironmentPrefix + "CONFIG");
        return SiloConfiguration.Read(file, Environment, CommandLine.Written(parsed, _settings));
    }
}
