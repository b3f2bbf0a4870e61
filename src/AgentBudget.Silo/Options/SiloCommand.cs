using System.CommandLine;

namespace AgentBudget.Silo.Options;

/// <summary>
/// The command line. What is written there wins over the environment, that over the file, that over defaults.
/// </summary>
internal sealed class SiloCommand
{
    /// <summary>Each option is also an environment variable: AGENTBUDGET_DATA and so on.</summary>
    private const string EnvironmentPrefix = "AGENTBUDGET_";

    private readonly Option<string> _config = new("--config")
    {
        Description = "A file with these options, such as silo-config/embedded.yaml.",
        HelpName = "FILE",
    };

    private readonly Option<string> _data = new("--data")
    {
        Description = $"The folder of ledger, reports and keys. [default: ./{SiloModel.DataDefault}]",
        HelpName = "DIR",
    };

    private readonly Option<string> _http = new("--http")
    {
        Description = $"Where HTTP/1.1 is served: Connect, /healthz, /readyz. [default: {SiloModel.HttpDefault}]",
        HelpName = "HOST:PORT",
    };

    private readonly Option<string> _grpc = new("--grpc")
    {
        Description = $"Where gRPC is served. [default: {SiloModel.GrpcDefault}]",
        HelpName = "HOST:PORT",
    };

    private readonly Option<string> _catalog = new("--catalog")
    {
        Description = "A catalog to apply before anything is served.",
        HelpName = "FILE",
    };

    private readonly Option<string> _store = new("--store")
    {
        Description = "Where ledgers are kept: sqlite. [default: sqlite]",
        HelpName = "STORE",
    };

    private readonly Option<string> _tls = new("--tls")
    {
        Description = "Where everything is served over TLS on one port. [default: nowhere]",
        HelpName = "HOST:PORT",
    };

    private readonly Option<string> _tlsCertificate = new("--tls-certificate")
    {
        Description = "The certificate of --tls in PEM, followed by its intermediates.",
        HelpName = "FILE",
    };

    private readonly Option<string> _tlsKey = new("--tls-key")
    {
        Description = "The private key of the certificate in PEM.",
        HelpName = "FILE",
    };

    private readonly Option<string> _tlsClients = new("--tls-clients")
    {
        Description = "Whether callers over TLS show a certificate: none, optional or required. [default: none]",
        HelpName = "MODE",
    };

    private readonly Option<string> _tlsClientCa = new("--tls-client-ca")
    {
        Description = "The authorities in PEM that callers' certificates must lead to.",
        HelpName = "FILE",
    };

    private readonly Option<string> _origins = new("--origins")
    {
        Description = "Origins whose pages may call from a browser, separated by commas. [default: none]",
        HelpName = "ORIGINS",
    };

    private readonly Option<bool> _demo = new("--demo")
    {
        Description = "Drives sample traffic through the public API, a runaway agent among it, and prints it.",
    };

    private readonly Option<string> _issuer = new("--issuer")
    {
        Description = "The URL that access tokens name as their issuer. [default: where HTTP is served]",
        HelpName = "URL",
    };

    private readonly Option<string> _trustedIssuers = new("--trusted-issuers")
    {
        Description = "A file of the issuers whose users' tokens agents may exchange, as in docs/security.md.",
        HelpName = "FILE",
    };

    private readonly Option<string> _checkpointKey = new("--checkpoint-key")
    {
        Description = "The key that signs checkpoints, apart from the store; with --verify its public part will do. "
            + "[default: checkpoint.key in the data folder]",
        HelpName = "FILE",
    };

    private readonly Option<string> _checkpoints = new("--checkpoints", "--checkpoint")
    {
        Description = "Where the newest signed checkpoint of each ledger is kept, apart from the store; with --verify "
            + "the signed checkpoints to compare with, one a line. [default: ledger.checkpoints in the data folder]",
        HelpName = "FILE",
    };

    private readonly Option<bool> _verify = new("--verify")
    {
        Description = "Verifies the ledgers in the data folder, compares them with their signed checkpoints, says what "
            + "it finds and ends; changes nothing. The exit code is 0 when they are clean and 65 when not. No silo may "
            + "run on the folder.",
    };

    private readonly RootCommand _root;

    /// <param name="run">Runs a silo until it is stopped; answers the exit code.</param>
    internal SiloCommand(Func<SiloModel, Task<int>> run)
    {
        _root = new RootCommand(
            "AgentBudget: decides before a call is made whether an agent may spend, and keeps the ledger.")
        {
            _config, _data, _http, _grpc, _tls, _tlsCertificate, _tlsKey, _tlsClients, _tlsClientCa, _origins, _catalog,
            _store, _demo, _issuer, _trustedIssuers, _checkpointKey, _checkpoints, _verify,
        };
        _root.SetAction((parsed, _) => run(ModelOf(parsed)));
    }

    /// <summary>Runs what the arguments ask for; a wrong one ends in a sentence and exit code 64.</summary>
    internal async Task<int> InvokeAsync(string[] arguments, TextWriter errors)
    {
        ParseResult parsed = _root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
                await errors.WriteLineAsync(error.Message);
            return ExitCodes.Usage;
        }

        try
        {
            // The silo drains on signals by itself, and takes longer than a command would.
            InvocationConfiguration configuration = new()
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(configuration);
        }
        catch (OptionsException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return ExitCodes.Usage;
        }
    }

    // What a person does once is not for the environment or a file.
    private SiloModel ModelOf(ParseResult parsed) =>
        SiloModel.From(Combine(parsed)) with { IsVerify = parsed.GetValue(_verify) };

    private SiloOptions Combine(ParseResult parsed)
    {
        SiloOptions line = new()
        {
            Data = parsed.GetValue(_data),
            Http = parsed.GetValue(_http),
            Grpc = parsed.GetValue(_grpc),
            Catalog = parsed.GetValue(_catalog),
            Store = parsed.GetValue(_store),
            Tls = parsed.GetValue(_tls),
            TlsCertificate = parsed.GetValue(_tlsCertificate),
            TlsKey = parsed.GetValue(_tlsKey),
            TlsClients = parsed.GetValue(_tlsClients),
            TlsClientCa = parsed.GetValue(_tlsClientCa),
            Origins = parsed.GetValue(_origins),
            Issuer = parsed.GetValue(_issuer),
            TrustedIssuers = parsed.GetValue(_trustedIssuers),
            CheckpointKey = parsed.GetValue(_checkpointKey),
            Checkpoints = parsed.GetValue(_checkpoints),
            Demo = parsed.GetResult(_demo) is not { Implicit: false }
                ? null
                : parsed.GetValue(_demo) ? "true" : "false",
        };
        SiloOptions environment = new()
        {
            Data = Variable("DATA"),
            Http = Variable("HTTP"),
            Grpc = Variable("GRPC"),
            Catalog = Variable("CATALOG"),
            Store = Variable("STORE"),
            Demo = Variable("DEMO"),
            Tls = Variable("TLS"),
            TlsCertificate = Variable("TLS_CERTIFICATE"),
            TlsKey = Variable("TLS_KEY"),
            TlsClients = Variable("TLS_CLIENTS"),
            TlsClientCa = Variable("TLS_CLIENT_CA"),
            Origins = Variable("ORIGINS"),
            Issuer = Variable("ISSUER"),
            TrustedIssuers = Variable("TRUSTED_ISSUERS"),
            CheckpointKey = Variable("CHECKPOINT_KEY"),
            Checkpoints = Variable("CHECKPOINTS"),
        };
        string? config = parsed.GetValue(_config) ?? Variable("CONFIG");
        SiloOptions file = config is null ? new SiloOptions() : OptionsFile.Read(config);
        return line.Over(environment).Over(file);
    }

    // An empty variable is how a shell unsets one for a command.
    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(EnvironmentPrefix + name) is { Length: > 0 } value ? value : null;
}
