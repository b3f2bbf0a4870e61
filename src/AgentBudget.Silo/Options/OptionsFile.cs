using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AgentBudget.Silo.Options;

/// <summary>Reads a silo's file: YAML, one line for each option, named as on the command line.</summary>
internal static class OptionsFile
{
    /// <summary>Some options with comments; anything larger is another file.</summary>
    private const long BytesMax = 64 * 1024;

    /// <summary>Throws <see cref="OptionsException"/>.</summary>
    internal static SiloOptions Read(string path)
    {
        try
        {
            if (!File.Exists(path))
                throw new OptionsException($"The file {path} does not exist.");
            if (new FileInfo(path).Length > BytesMax)
                throw new OptionsException($"The file {path} is larger than {BytesMax} bytes.");
            using StreamReader text = File.OpenText(path);
            return Read(path, new Parser(text));
        }
        catch (YamlException fault)
        {
            throw new OptionsException($"{path}, line {fault.Start.Line}: not readable as YAML.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"The file {path} cannot be read: {fault.Message}");
        }
    }

    private static SiloOptions Read(string path, Parser parser)
    {
        SiloOptions options = new();
        HashSet<string> seen = [];
        parser.Consume<StreamStart>();
        if (parser.Current is StreamEnd)
            return options;
        parser.Consume<DocumentStart>();

        // A file of comments only holds one empty value.
        if (parser.Current is Scalar { Value.Length: 0 })
            return options;
        if (parser.Current is not MappingStart)
            throw new OptionsException($"{path} must be lines of an option and its value.");
        parser.Consume<MappingStart>();
        while (parser.Current is not MappingEnd)
        {
            Scalar key = parser.Consume<Scalar>();
            if (parser.Current is not Scalar value)
                throw new OptionsException($"{path}, line {key.Start.Line}: {key.Value} must be a single value.");
            parser.Consume<Scalar>();
            if (!seen.Add(key.Value))
                throw new OptionsException($"{path}, line {key.Start.Line}: {key.Value} is there twice.");
            options = With(options, key.Value, value.Value)
                ?? throw new OptionsException(
                    $"{path}, line {key.Start.Line}: {key.Value} is not an option; "
                    + "the options are data, http, grpc, catalog, store, demo, "
                    + "tls, tls-certificate, tls-key, tls-clients, tls-client-ca, origins, "
                    + "issuer, trusted-issuers, checkpoint-key, checkpoints.");
        }

        return options;
    }

    private static SiloOptions? With(SiloOptions options, string name, string value) => name switch
    {
        "data" => options with { Data = value },
        "http" => options with { Http = value },
        "grpc" => options with { Grpc = value },
        "catalog" => options with { Catalog = value },
        "store" => options with { Store = value },
        "demo" => options with { Demo = value },
        "tls" => options with { Tls = value },
        "tls-certificate" => options with { TlsCertificate = value },
        "tls-key" => options with { TlsKey = value },
        "tls-clients" => options with { TlsClients = value },
        "tls-client-ca" => options with { TlsClientCa = value },
        "origins" => options with { Origins = value },
        "issuer" => options with { Issuer = value },
        "trusted-issuers" => options with { TrustedIssuers = value },
        "checkpoint-key" => options with { CheckpointKey = value },
        "checkpoints" => options with { Checkpoints = value },
        _ => null,
    };
}
