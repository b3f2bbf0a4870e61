namespace AgentBudget.Gateway.Options;

/// <summary>What the user writes under <c>gateway</c>. Checked as a whole by <see cref="GatewayModel"/>.</summary>
public sealed class GatewayOptions
{
    /// <summary>Where the gateway listens, HOST:PORT with an IP address or localhost.</summary>
    public string? Listen { get; init; }

    /// <summary>The tenant whose sessions spend here. Needed where the service has several.</summary>
    public string? Tenant { get; init; }

    /// <summary>
    /// Where model calls go, in the order in which their models are compared. Without one, the built-in demo model
    /// answers every model.
    /// </summary>
    public IReadOnlyList<UpstreamOptions> Upstreams { get; init; } = [];

    /// <summary>
    /// What is called instead of a model whose upstream cannot be reached, is overloaded or fails before it answers
    /// anything.
    /// </summary>
    public IReadOnlyList<FallbackOptions> Fallbacks { get; init; } = [];

    /// <summary>Servers of tools that the gateway stands before.</summary>
    public IReadOnlyList<McpOptions> Mcp { get; init; } = [];

    /// <summary>What Envoy may ask: rate limits and authorization. Without it neither is served.</summary>
    public EnvoyOptions? Envoy { get; init; }

    /// <summary>
    /// The most output tokens of a call that names no maximum, of a model for which the catalog names none either. The
    /// gateway writes it into the call. 1 to 1,000,000.
    /// </summary>
    public long MaxOutputTokens { get; init; } = 4096;

    /// <summary>
    /// What is held for input that the gateway cannot see, such as a file that the provider keeps. 1 to 100,000,000.
    /// </summary>
    public long WindowTokens { get; init; } = 200_000;

    /// <summary>After how long without a call the session of a credential ends. 1 s to 24 h.</summary>
    public TimeSpan SessionIdle { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long an upstream may be silent within a call. 1 s to 1 h.</summary>
    public TimeSpan UpstreamIdle { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a call may take in all. 1 s to 24 h.</summary>
    public TimeSpan CallMax { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How often a stream is settled while it runs, so that a gateway that dies leaves no more than that unsettled. 1 s
    /// to 1 h.
    /// </summary>
    public TimeSpan PartEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The output tokens after which it is settled earlier. 100 to 1,000,000.</summary>
    public long PartTokens { get; init; } = 20_000;

    /// <summary>
    /// The status of a refusal of money by how the caller's user agent begins, for clients that retry 429 whatever its
    /// headers say. 400 to 429.
    /// </summary>
    public IReadOnlyDictionary<string, int> RefusalStatus { get; init; } = new Dictionary<string, int>();
}

/// <summary>One server of tools.</summary>
public sealed class McpOptions
{
    /// <summary>Its name, below which its tools are named: <c>crm</c> for <c>crm.read</c>.</summary>
    public string? Name { get; init; }

    /// <summary>Its address, as clients take it: <c>https://tools.example.com/mcp</c>.</summary>
    public string? Url { get; init; }

    /// <summary>
    /// The program and its words, for a server that speaks on its standard streams: <c>["npx", "some-server"]</c>. One
    /// runs for each session. Give this or <see cref="Url"/>.
    /// </summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>Variables of the gateway that the program gets beside PATH, HOME, LANG and TMPDIR.</summary>
    public IReadOnlyList<string> PassEnv { get; init; } = [];

    /// <summary>The variable that holds its bearer token. Give this, <see cref="KeyFile"/> or neither.</summary>
    public string? KeyEnv { get; init; }

    /// <summary>The file that holds its bearer token and nothing else.</summary>
    public string? KeyFile { get; init; }

    /// <summary>
    /// Allows an address that is loopback, private, link-local or otherwise not public, and cleartext to it.
    /// </summary>
    public bool AllowPrivate { get; init; }
}

/// <summary>What is served to Envoy, over gRPC.</summary>
public sealed class EnvoyOptions
{
    /// <summary>Where, HOST:PORT with an IP address or localhost; HTTP/2 in cleartext.</summary>
    public string? Listen { get; init; }

    /// <summary>What the descriptors of the rate limit service mean. The first rule that one fits counts it.</summary>
    public IReadOnlyList<EnvoyRuleOptions> Rules { get; init; } = [];
}

/// <summary>What a descriptor means.</summary>
public sealed class EnvoyRuleOptions
{
    /// <summary>The domain of the requests that it is for; any where nothing is given.</summary>
    public string? Domain { get; init; }

    /// <summary>Entries that a descriptor must have, each <c>KEY=VALUE</c>.</summary>
    public IReadOnlyList<string> When { get; init; } = [];

    /// <summary>
    /// Which entry's value says what: <c>session</c> (a session's token), or <c>agent</c> and <c>useCase</c>,
    /// <c>user</c>, <c>conversation</c>, <c>model</c>, <c>tag.NAME</c>; each to the key of the entry. A descriptor that
    /// lacks one of them does not fit.
    /// </summary>
    public IReadOnlyDictionary<string, string> From { get; init; } = new Dictionary<string, string>();

    /// <summary>The same by a value that is always the same.</summary>
    public IReadOnlyDictionary<string, string> Set { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// What is counted: <c>tokens</c>, <c>inputTokens</c>, <c>outputTokens</c> of the model, or <c>sku:NAME</c> of the
    /// price book.
    /// </summary>
    public string Unit { get; init; } = "tokens";

    /// <summary>
    /// What is done with hits above the limit: <c>record</c> them, because the call was made, or <c>refuse</c> them,
    /// because it is not made then.
    /// </summary>
    public string WhenOver { get; init; } = "record";

    /// <summary>
    /// What a session keeps held, in units, for calls that are under way when its budget is used up. 1 to
    /// 1,000,000,000,000.
    /// </summary>
    public long Hold { get; init; } = 10_000;

    /// <summary>It counts, and never says that a limit is passed.</summary>
    public bool Shadow { get; init; }
}

/// <summary>What is called instead of a model.</summary>
public sealed class FallbackOptions
{
    /// <summary>The catalog's id of the model, or the beginning of one and a star.</summary>
    public string? Model { get; init; }

    /// <summary>The models that are called instead, one after the other, 1 to 5.</summary>
    public IReadOnlyList<string> To { get; init; } = [];
}

/// <summary>One place that model calls go to.</summary>
public sealed class UpstreamOptions
{
    /// <summary>Its name, for metrics and messages.</summary>
    public string? Name { get; init; }

    /// <summary>What it speaks: demo, openai, openai-compatible, anthropic, gemini, azure, vertex, bedrock.</summary>
    public string? Kind { get; init; }

    /// <summary>
    /// Its base address, as SDKs take it: <c>https://api.openai.com/v1</c>, <c>https://api.anthropic.com</c>,
    /// <c>https://generativelanguage.googleapis.com</c>. None for the demo model.
    /// </summary>
    public string? BaseUrl { get; init; }

    /// <summary>Vertex' location (us-east5, global), or the region of AWS (us-east-1). For these kinds only.</summary>
    public string? Region { get; init; }

    /// <summary>Google's project. For Vertex only.</summary>
    public string? Project { get; init; }

    /// <summary>
    /// Azure's version of the API, for the paths that name a deployment. Without it, the paths of <c>/openai/v1</c>.
    /// </summary>
    public string? ApiVersion { get; init; }

    /// <summary>
    /// The variable that holds its key. For Bedrock, that is a key of its own, or <c>ID:SECRET</c>, or
    /// <c>ID:SECRET:TOKEN</c>; for Vertex, a token or the JSON of a service account's key. Give this or
    /// <see cref="KeyFile"/>.
    /// </summary>
    public string? KeyEnv { get; init; }

    /// <summary>The file that holds its key and nothing else.</summary>
    public string? KeyFile { get; init; }

    /// <summary>
    /// The models that it serves: the catalog's id, or the beginning of one and a star, to the upstream's own id. A
    /// star on the right is the id as it is.
    /// </summary>
    public IReadOnlyDictionary<string, string> Models { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Allows an address that is loopback, private, link-local or otherwise not public, and cleartext to it.
    /// </summary>
    public bool AllowPrivate { get; init; }
}
