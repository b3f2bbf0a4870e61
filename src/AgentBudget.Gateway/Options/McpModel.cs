namespace AgentBudget.Gateway.Options;

/// <summary>One server of tools, checked, with its key.</summary>
internal sealed record McpModel
{
    public required string Name { get; init; }

    public required Uri Address { get; init; }

    /// <summary>Sent as a bearer token; null for a server without one.</summary>
    public required string? Key { get; init; }

    public required bool AllowPrivate { get; init; }

    /// <summary>The program and its words; empty for a server with an address.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Variables that the program gets.</summary>
    public required IReadOnlyList<string> PassEnv { get; init; }

    public static McpModel From(McpOptions options, int index, Func<string, string?> environment)
    {
        string at = $"gateway:mcp:{index}";
        // Its tools are named below it, so it is written as a name of a tool is.
        string name = options.Name is { Length: > 0 and <= 64 } given
            && given.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')
            ? given
            : throw new GatewayOptionsException($"{at}:name must be 1 to 64 letters, digits or dashes.");
        if (name == BuiltIn)
            throw new GatewayOptionsException($"{at}:name cannot be {BuiltIn}, which is the gateway's own server.");
        bool isProgram = options.Command.Count > 0;
        if (isProgram && (options.Url ?? options.KeyEnv ?? options.KeyFile) is not null)
            throw new GatewayOptionsException($"{at} has command, so it has no url and no key: take them out.");
        if (options.Command.Any(string.IsNullOrEmpty) || (!isProgram && options.PassEnv.Count > 0))
            throw new GatewayOptionsException($"{at}:command must be a program and its words; passEnv is for it only.");
        return new McpModel
        {
            Name = name,
            Command = options.Command,
            PassEnv = options.PassEnv,
            Address = isProgram
                ? new Uri("http://program.invalid/")
                : UpstreamModel.AddressOf(options.Url, $"{at}:url", options.AllowPrivate),
            Key = UpstreamModel.KeyOf(options.KeyEnv, options.KeyFile, at, environment),
            AllowPrivate = options.AllowPrivate,
        };
    }

    /// <summary>The name of the gateway's own server.</summary>
    public const string BuiltIn = "budget";
}
