using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Client;

/// <summary>The dialects of model calls that are known.</summary>
internal enum ModelDialect
{
    OpenAiChat,
    OpenAiResponses,
    OpenAiEmbeddings,
    Anthropic,
    Gemini,
}

/// <summary>A model call as its request says it: which dialect, which model, how much at most.</summary>
internal sealed class ModelCall
{
    private const string ChatPath = "/chat/completions";
    private const string ResponsesPath = "/responses";
    private const string EmbeddingsPath = "/embeddings";
    private const string MessagesPath = "/messages";
    private const string GenerateMethod = ":generateContent";
    private const string StreamMethod = ":streamGenerateContent";
    private const string ModelMember = "model";
    private const string StreamOptionsMember = "stream_options";
    private const string IncludeUsageMember = "include_usage";

    private readonly JsonObject _body;
    private readonly int _bytes;

    private ModelCall(ModelDialect dialect, JsonObject body, int bytes, string? model)
    {
        Dialect = dialect;
        _body = body;
        _bytes = bytes;
        Model = model;
        MaxOutputTokens = MaxOutputOf(dialect, body);
    }

    public ModelDialect Dialect { get; }

    public string? Model { get; }

    /// <summary>The most output tokens, of all answers together; null where the request does not bound them.</summary>
    public long? MaxOutputTokens { get; }

    /// <summary>The usage of the stream was asked for by us, and its message is not for the caller.</summary>
    public bool HidesUsage { get; private set; }

    /// <summary>The dialect of a path; null where it is no model call that is known.</summary>
    public static ModelDialect? DialectOf(string path) =>
        path.EndsWith(ChatPath, StringComparison.Ordinal) ? ModelDialect.OpenAiChat
        : path.EndsWith(ResponsesPath, StringComparison.Ordinal) ? ModelDialect.OpenAiResponses
        : path.EndsWith(EmbeddingsPath, StringComparison.Ordinal) ? ModelDialect.OpenAiEmbeddings
        : path.EndsWith(MessagesPath, StringComparison.Ordinal) ? ModelDialect.Anthropic
        : path.EndsWith(GenerateMethod, StringComparison.Ordinal)
            || path.EndsWith(StreamMethod, StringComparison.Ordinal) ? ModelDialect.Gemini
        : null;

    /// <summary>Reads a call from its path and body.</summary>
    /// <exception cref="InvalidOperationException">The body is no JSON object.</exception>
    public static ModelCall Read(ModelDialect dialect, string path, byte[] body)
    {
        JsonObject? read;
        try
        {
            read = JsonNode.Parse(body) as JsonObject;
        }
        catch (JsonException fault)
        {
            throw new InvalidOperationException(
                $"The body of {path} is not JSON, so what it may cost is unknown: {fault.Message}", fault);
        }

        if (read is null)
            throw new InvalidOperationException(
                $"The body of {path} is no JSON object, so what it may cost is unknown.");
        string? model = dialect == ModelDialect.Gemini ? ModelOfPath(path) : TextOf(read, ModelMember);
        return new ModelCall(dialect, read, body.Length, model);
    }

    public long InputTokens(int bytesPerToken) => 1 + (_bytes / bytesPerToken);

    /// <summary>Changes the request where it has to: a cheaper model, and the usage of an OpenAI stream.</summary>
    /// <returns>The body to send; null where it stays as it is.</returns>
    public byte[]? Rewrite(HttpRequestMessage request, string? downgradedTo)
    {
        bool isChanged = AskForUsage();
        if (downgradedTo is not null && Dialect == ModelDialect.Gemini)
        {
            UriBuilder address = new(request.RequestUri!);
            string asked = $"/{Uri.EscapeDataString(Model!)}:", granted = $"/{Uri.EscapeDataString(downgradedTo)}:";
            address.Path = address.Path.Replace(asked, granted, StringComparison.Ordinal);
            request.RequestUri = address.Uri;
        }
        else if (downgradedTo is not null)
        {
            _body[ModelMember] = downgradedTo;
            isChanged = true;
        }

        return isChanged ? JsonSerializer.SerializeToUtf8Bytes(_body) : null;
    }

    // Without it a stream ends and nobody knows what it used.
    private bool AskForUsage()
    {
        if (Dialect != ModelDialect.OpenAiChat || !FlagOf(_body, "stream")) return false;
        JsonObject options = _body[StreamOptionsMember] as JsonObject ?? [];
        if (FlagOf(options, IncludeUsageMember)) return false;
        options[IncludeUsageMember] = true;
        if (options.Parent is null) _body[StreamOptionsMember] = options;
        return HidesUsage = true;
    }

    private static long? MaxOutputOf(ModelDialect dialect, JsonObject body) => dialect switch
    {
        ModelDialect.OpenAiChat =>
            Times(NumberOf(body, "max_completion_tokens") ?? NumberOf(body, "max_tokens"), NumberOf(body, "n")),
        ModelDialect.OpenAiResponses => NumberOf(body, "max_output_tokens"),
        ModelDialect.OpenAiEmbeddings => 0,
        ModelDialect.Anthropic => NumberOf(body, "max_tokens"),
        ModelDialect.Gemini => Times(
            NumberOf(body["generationConfig"], "maxOutputTokens"),
            NumberOf(body["generationConfig"], "candidateCount")),
    };

    private static long? Times(long? tokens, long? answers) =>
        tokens is null ? null : tokens * Math.Clamp(answers ?? 1, 1, 1024);

    private static string? ModelOfPath(string path)
    {
        int colon = path.LastIndexOf(':');
        int slash = path.LastIndexOf('/', colon);
        return Uri.UnescapeDataString(path[(slash + 1)..colon]);
    }

    private static string? TextOf(JsonNode? parent, string member) =>
        (parent as JsonObject)?[member] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static long? NumberOf(JsonNode? parent, string member) =>
        (parent as JsonObject)?[member] is JsonValue value && value.TryGetValue(out long number) && number >= 0
            ? number
            : null;

    private static bool FlagOf(JsonNode parent, string member) =>
        (parent as JsonObject)?[member] is JsonValue value && value.TryGetValue(out bool flag) && flag;
}
