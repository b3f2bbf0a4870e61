using AgentBudget.Gateway.Upstreams.Vertex;

namespace AgentBudget.Gateway.Options;

/// <summary>What an upstream speaks.</summary>
internal enum UpstreamKind
{
    Demo,
    OpenAi,
    OpenAiCompatible,
    Anthropic,
    Gemini,
    Azure,
    Vertex,
    Bedrock,
}

/// <summary>One upstream, checked, with its key.</summary>
internal sealed record UpstreamModel
{
    private const int KeyBytesMax = 16 * 1024;

    private static readonly Dictionary<string, UpstreamKind> Kinds = new(StringComparer.OrdinalIgnoreCase)
    {
        ["demo"] = UpstreamKind.Demo,
        ["openai"] = UpstreamKind.OpenAi,
        ["openai-compatible"] = UpstreamKind.OpenAiCompatible,
        ["anthropic"] = UpstreamKind.Anthropic,
        ["gemini"] = UpstreamKind.Gemini,
        ["azure"] = UpstreamKind.Azure,
        ["vertex"] = UpstreamKind.Vertex,
        ["bedrock"] = UpstreamKind.Bedrock,
    };

    /// <summary>The built-in model, for every model.</summary>
    public static UpstreamModel Demo { get; } = new()
    {
        Name = "demo",
        Kind = UpstreamKind.Demo,
        BaseAddress = new Uri("http://demo.invalid/"),
        Models = [new ModelRule("*", "*")],
        AllowPrivate = false,
    };

    public required string Name { get; init; }

    public required UpstreamKind Kind { get; init; }

    /// <summary>Ends with a slash.</summary>
    public required Uri BaseAddress { get; init; }

    /// <summary>Null for the demo model, and for a compatible server without one.</summary>
    public string? Key { get; init; }

    /// <summary>Vertex' location, or the region of AWS; null for other kinds.</summary>
    public string? Region { get; init; }

    /// <summary>Google's project; null for other kinds.</summary>
    public string? Project { get; init; }

    /// <summary>Azure's version of the API; null for the one that needs none.</summary>
    public string? ApiVersion { get; init; }

    public required IReadOnlyList<ModelRule> Models { get; init; }

    public required bool AllowPrivate { get; init; }

    /// <summary>It works on and bills a stream whole when nobody reads it any more.</summary>
    public bool BillsAbandoned => Kind is UpstreamKind.Gemini or UpstreamKind.Vertex or UpstreamKind.Bedrock;

    public static UpstreamModel From(UpstreamOptions options, int index, Func<string, string?> environment)
    {
        string at = $"gateway:upstreams:{index}";
        string name = options.Name is { Length: > 0 and <= 64 } given && given.All(IsNameLetter)
            ? given
            : throw new GatewayOptionsException($"{at}:name must be 1 to 64 letters, digits, dashes or dots.");
        if (!Kinds.TryGetValue(options.Kind ?? "", out UpstreamKind kind))
            throw new GatewayOptionsException(
                $"{at}:kind must be one of {string.Join(", ", Kinds.Keys)}, not {options.Kind}.");
        if (options.Models.Count is 0 or > GatewayModel.ModelsMax)
            throw new GatewayOptionsException(
                $"{at}:models must name 1 to {GatewayModel.ModelsMax} models, such as \"claude-*\": \"*\".");
        CheckPlace(options, kind, at);
        return new UpstreamModel
        {
            Name = name,
            Kind = kind,
            BaseAddress = kind == UpstreamKind.Demo
                ? NoAddress(options, at)
                : AddressOf(options.BaseUrl, $"{at}:baseUrl", options.AllowPrivate),
            Key = KeyOf(options, kind, at, environment),
            Region = options.Region,
            Project = options.Project,
            ApiVersion = options.ApiVersion,
            Models = [.. options.Models
                .Select(model => new ModelRule(
                    CheckModel(model.Key, $"{at}:models"), CheckModel(model.Value, $"{at}:models")))
                .OrderByDescending(rule => rule.Precision)],
            AllowPrivate = options.AllowPrivate,
        };
    }

    // What stands in paths and signatures, and what only one kind can use.
    private static void CheckPlace(UpstreamOptions options, UpstreamKind kind, string at)
    {
        Check(options.Region, "region", kind is UpstreamKind.Vertex or UpstreamKind.Bedrock, isNeeded: true);
        Check(options.Project, "project", kind is UpstreamKind.Vertex, isNeeded: true);
        Check(options.ApiVersion, "apiVersion", kind is UpstreamKind.Azure, isNeeded: false);
        // A deployment's name tells nothing of the model that it runs.
        if (kind == UpstreamKind.Azure && options.Models.FirstOrDefault(model => model.Value.Contains('*')) is
            { Value: not null } open)
        {
            throw new GatewayOptionsException(
                $"{at}:models has {open.Key} to {open.Value}: name the deployment of each model, without a star.");
        }

        void Check(string? value, string name, bool isUsed, bool isNeeded)
        {
            bool isWord = value is { Length: > 0 and <= 64 } && value.All(IsNameLetter);
            if (isUsed ? (value is null ? isNeeded : !isWord) : value is not null)
                throw new GatewayOptionsException(isUsed
                    ? $"{at}:{name} must be 1 to 64 letters, digits, dashes or dots for this kind."
                    : $"{at}:{name} is not for this kind: leave it out.");
        }
    }

    private static bool IsNameLetter(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.' or '_';

    /// <summary>Checks the id of a model, or the beginning of one and a star.</summary>
    public static string CheckModel(string pattern, string at)
    {
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        return pattern.Length is > 0 and <= 128 && (star < 0 || star == pattern.Length - 1)
            ? pattern
            : throw new GatewayOptionsException(
                $"{at} has {pattern}: a model is 1 to 128 characters, with a star at its end or none.");
    }

    private static Uri NoAddress(UpstreamOptions options, string at) =>
        options.BaseUrl is null && options.KeyEnv is null && options.KeyFile is null
            ? Demo.BaseAddress
            : throw new GatewayOptionsException($"{at} is the demo model, which has no baseUrl and no key.");

    /// <summary>Checks the address of a server.</summary>
    public static Uri AddressOf(string? text, string at, bool allowPrivate)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? address)
            || address.Scheme is not ("https" or "http")
            || address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
        {
            throw new GatewayOptionsException(
                $"{at} must be https:// with a host, and no user, query or fragment.");
        }

        if (address.Scheme == "http" && !allowPrivate)
            throw new GatewayOptionsException(
                $"{at} is cleartext: use https://, or set allowPrivate for a server of your own network.");
        return new Uri(address.AbsoluteUri.TrimEnd('/') + "/");
    }

    /// <summary>Reads a key; null where none is named.</summary>
    public static string? KeyOf(string? keyEnv, string? keyFile, string at, Func<string, string?> environment)
    {
        if (keyEnv is not null && keyFile is not null)
            throw new GatewayOptionsException($"{at} has keyEnv and keyFile: give one.");
        if (keyEnv is null && keyFile is null) return null;
        string key = (keyEnv is not null ? environment(keyEnv) ?? "" : ReadFile(keyFile!, at)).Trim();
        bool isWord = key.Length > 0 && key.All(letter => letter is > ' ' and < '\x7f');
        if (isWord || ServiceAccountKey.Is(key)) return key;
        string origin = keyEnv is not null ? $"the variable {keyEnv}" : keyFile!;
        throw new GatewayOptionsException(
            $"{at}: {origin} holds no key, which is visible characters without spaces.");
    }

    private static string? KeyOf(
        UpstreamOptions options, UpstreamKind kind, string at, Func<string, string?> environment)
    {
        if (kind == UpstreamKind.Demo) return null;
        string? key = KeyOf(options.KeyEnv, options.KeyFile, at, environment);
        if (key is null && kind != UpstreamKind.OpenAiCompatible)
            throw new GatewayOptionsException(
                $"{at} has no key: name its variable with keyEnv or its file with keyFile.");
        if (key is null || !ServiceAccountKey.Is(key)) return key;
        try
        {
            if (kind != UpstreamKind.Vertex) throw new FormatException("only Vertex takes one");
            bool isSafe = ServiceAccountKey.Parse(key).TokenAddress.Scheme == "https" || options.AllowPrivate;
            return isSafe ? key : throw new FormatException("its token_uri is cleartext");
        }
        catch (FormatException fault)
        {
            throw new GatewayOptionsException($"{at} has no usable key of a service account: {fault.Message}.");
        }
    }

    private static string ReadFile(string path, string at)
    {
        try
        {
            FileInfo file = new(path);
            if (file is { Exists: true, Length: > KeyBytesMax })
                throw new GatewayOptionsException($"{at}:keyFile {path} is too long to be a key.");
            return File.ReadAllText(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new GatewayOptionsException($"{at}:keyFile {path} cannot be read: {fault.Message}");
        }
    }
}

/// <summary>Models of the catalog, and what the upstream calls them.</summary>
/// <param name="Pattern">An id, or the beginning of one and a star.</param>
/// <param name="Target">The upstream's id; a star at its end stands for what the pattern's star does.</param>
internal sealed record ModelRule(string Pattern, string Target)
{
    /// <summary>Exact ids come before patterns, and long patterns before short ones.</summary>
    public int Precision => IsPattern ? Pattern.Length : int.MaxValue;

    private bool IsPattern => Pattern.EndsWith('*');

    /// <summary>What the upstream calls a model; null where this is not about it.</summary>
    public string? UpstreamIdOf(string model)
    {
        if (!IsPattern) return model == Pattern ? (Target == "*" ? model : Target) : null;
        if (!model.StartsWith(Pattern[..^1], StringComparison.Ordinal)) return null;
        if (Target == "*") return model;
        return Target.EndsWith('*') ? Target[..^1] + model[(Pattern.Length - 1)..] : Target;
    }
}
