using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Gateway.Options;

/// <summary>How the gateway runs: every option checked, every default filled in, every key read.</summary>
public sealed class GatewayModel
{
    /// <summary>Upstreams that a gateway may have.</summary>
    public const int UpstreamsMax = 100;

    /// <summary>Models that an upstream may name.</summary>
    public const int ModelsMax = 1_000;

    /// <summary>Models that may have fallbacks.</summary>
    public const int FallbacksMax = 1_000;

    /// <summary>Models that are called instead of one.</summary>
    public const int FallbackStepsMax = 5;

    /// <summary>Servers of tools that a gateway may have.</summary>
    public const int McpServersMax = 100;

    private const long OutputTokensMax = 1_000_000;
    private const long WindowTokensMax = 100_000_000;

    private GatewayModel(
        GatewayOptions options,
        IPEndPoint listen,
        IReadOnlyList<UpstreamModel> upstreams,
        IReadOnlyList<McpModel> mcp,
        EnvoyModel? envoy)
    {
        Mcp = mcp;
        Envoy = envoy;
        Options = options;
        Listen = listen;
        Upstreams = upstreams;
    }

    /// <summary>Where it listens. Port 0 is any that is free.</summary>
    public IPEndPoint Listen { get; }

    /// <summary>Whether other machines reach it, in cleartext.</summary>
    public bool IsExposed =>
        !IPAddress.IsLoopback(Listen.Address) || (Envoy is not null && !IPAddress.IsLoopback(Envoy.Listen.Address));

    /// <summary>The tenant, or null for the only one.</summary>
    public string? Tenant => Options.Tenant;

    internal GatewayOptions Options { get; }

    internal IReadOnlyList<UpstreamModel> Upstreams { get; }

    internal IReadOnlyList<McpModel> Mcp { get; }

    internal EnvoyModel? Envoy { get; }

    /// <summary>Checks a section of a configuration, which holds these keys alone, and reads the keys.</summary>
    /// <param name="section">What was written.</param>
    /// <param name="environment">Answers a variable's value, or null.</param>
    /// <exception cref="GatewayOptionsException">Something is wrong.</exception>
    public static GatewayModel From(IConfigurationSection section, Func<string, string?> environment)
    {
        ArgumentNullException.ThrowIfNull(section);
        try
        {
            GatewayOptions? options =
                section.Get<GatewayOptions>(binder => binder.ErrorOnUnknownConfiguration = true);
            return From(options ?? new GatewayOptions(), environment);
        }
        catch (InvalidOperationException fault)
        {
            throw new GatewayOptionsException($"{section.Path}: {fault.GetBaseException().Message}");
        }
    }

    /// <summary>Checks what was written and reads the keys.</summary>
    /// <param name="options">What was written.</param>
    /// <param name="environment">Answers a variable's value, or null.</param>
    /// <exception cref="GatewayOptionsException">Something is wrong.</exception>
    public static GatewayModel From(GatewayOptions options, Func<string, string?> environment)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        IPEndPoint listen = ParseEndPoint(options.Listen ?? "") ?? throw new GatewayOptionsException(
            $"gateway:listen must be HOST:PORT with an IP address or localhost, not {options.Listen}.");
        CheckRange("maxOutputTokens", options.MaxOutputTokens, 1, OutputTokensMax);
        CheckRange("windowTokens", options.WindowTokens, 1, WindowTokensMax);
        CheckTime("sessionIdle", options.SessionIdle, TimeSpan.FromHours(24));
        CheckTime("upstreamIdle", options.UpstreamIdle, TimeSpan.FromHours(1));
        CheckTime("callMax", options.CallMax, TimeSpan.FromHours(24));
        CheckTime("partEvery", options.PartEvery, TimeSpan.FromHours(1));
        CheckRange("partTokens", options.PartTokens, 100, OutputTokensMax);
        foreach ((string agent, int status) in options.RefusalStatus)
        {
            if (agent.Length == 0 || status is < 400 or > 429)
                throw new GatewayOptionsException(
                    $"gateway:refusalStatus:{agent} must be a status from 400 to 429 for a user agent's beginning.");
        }

        CheckFallbacks(options.Fallbacks);
        if (options.Upstreams.Count > UpstreamsMax)
            throw new GatewayOptionsException($"gateway:upstreams has more than {UpstreamsMax} entries.");
        UpstreamModel[] upstreams = options.Upstreams.Count == 0
            ? [UpstreamModel.Demo]
            : [.. options.Upstreams.Select((upstream, index) => UpstreamModel.From(upstream, index, environment))];
        if (upstreams.GroupBy(upstream => upstream.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new GatewayOptionsException($"Two upstreams have the name {twice.Key}: give each its own.");
        if (options.Mcp.Count > McpServersMax)
            throw new GatewayOptionsException($"gateway:mcp has more than {McpServersMax} entries.");
        McpModel[] mcp = [.. options.Mcp.Select((server, index) => McpModel.From(server, index, environment))];
        if (mcp.GroupBy(server => server.Name).FirstOrDefault(same => same.Count() > 1) is { } same)
            throw new GatewayOptionsException($"Two servers of tools have the name {same.Key}: give each its own.");
        return new GatewayModel(
            options, listen, upstreams, mcp, options.Envoy is null ? null : EnvoyModel.From(options.Envoy));
    }

    /// <summary>What is called instead of a model, one after the other.</summary>
    internal IEnumerable<string> FallbacksOf(string model) =>
        Options.Fallbacks.FirstOrDefault(rule => new ModelRule(rule.Model!, "*").UpstreamIdOf(model) is not null)?.To
            .Where(other => other != model) ?? [];

    private static void CheckFallbacks(IReadOnlyList<FallbackOptions> fallbacks)
    {
        if (fallbacks.Count > FallbacksMax)
            throw new GatewayOptionsException($"gateway:fallbacks has more than {FallbacksMax} entries.");
        for (int index = 0; index < fallbacks.Count; index++)
        {
            string at = $"gateway:fallbacks:{index}";
            UpstreamModel.CheckModel(fallbacks[index].Model ?? "", $"{at}:model");
            if (fallbacks[index].To.Count is 0 or > FallbackStepsMax
                || fallbacks[index].To.Any(model => model.Length is 0 or > 128 || model.Contains('*')))
            {
                throw new GatewayOptionsException(
                    $"{at}:to must name 1 to {FallbackStepsMax} models of the catalog, without a star.");
            }
        }
    }

    private static void CheckRange(string key, long value, long least, long most)
    {
        if (value < least || value > most)
            throw new GatewayOptionsException($"gateway:{key} must be {least} to {most}, not {value}.");
    }

    private static void CheckTime(string key, TimeSpan value, TimeSpan most)
    {
        if (value < TimeSpan.FromSeconds(1) || value > most)
            throw new GatewayOptionsException($"gateway:{key} must be 1 s to {most}, not {value}.");
    }

    /// <summary>Reads HOST:PORT; null where it is none.</summary>
    internal static IPEndPoint? ParseEndPoint(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), out ushort port)) return null;
        string host = text[..colon];
        if (host == "localhost") return new IPEndPoint(IPAddress.Loopback, port);
        bool isBracketed = host.StartsWith('[') && host.EndsWith(']');
        if (!IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address)) return null;
        return isBracketed == (address.AddressFamily == AddressFamily.InterNetworkV6)
            ? new IPEndPoint(address, port)
            : null;
    }
}
