using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Client;

/// <summary>What a provider reports of one call, gathered from its answer: one JSON, or events of a stream.</summary>
internal sealed class UsageReport(ModelCall call, int bytesPerToken)
{
    private const int OutputBytesPerToken = 4; // As providers' own gateways estimate.
    private const int ReportCharsMax = 64 * 1024; // A report is some hundred; a larger one is none.

    private JsonObject? _usage;
    private long _answerBytes;

    /// <summary>Notes bytes of the answer, by which its output is estimated where no report comes.</summary>
    public void Count(int bytes) => _answerBytes += bytes;

    /// <summary>Reads one JSON of the answer; true where it tells nothing but usage that only we asked for.</summary>
    public bool Read(ReadOnlySpan<byte> json)
    {
        JsonNode? document;
        try
        {
            document = JsonNode.Parse(json);
        }
        catch (JsonException)
        {
            return false; // The end mark of a stream, or a fault of the provider: the caller gets it as it is.
        }

        // Gemini streams an array where it is not asked for events.
        if (document is JsonArray documents)
        {
            foreach (JsonNode? one in documents) Take(one as JsonObject);
            return false;
        }

        return Take(document as JsonObject);
    }

    /// <summary>What to settle: the provider's report, or an estimate that is never nothing.</summary>
    public CommitTokensRequest ToCommit()
    {
        CommitTokensRequest commit = new();
        if (_usage is not null && _usage.ToJsonString() is { Length: <= ReportCharsMax } text)
        {
            commit.ProviderUsage = ReportOf(JsonParser.Default.Parse<Struct>(text));
            return commit;
        }

        commit.UsageSource = UsageSource.Estimated;
        commit.Usage = new TokenUsage
        {
            InputTokens = call.InputTokens(bytesPerToken),
            OutputTokens = call.Dialect == ModelDialect.OpenAiEmbeddings
                ? 0
                : Math.Min(_answerBytes / OutputBytesPerToken, call.MaxOutputTokens ?? long.MaxValue),
        };
        return commit;
    }

    private bool Take(JsonObject? document)
    {
        if (document is null) return false;
        JsonObject told = document;
        if (call.Dialect == ModelDialect.OpenAiResponses && document["response"] is JsonObject response)
            told = response;
        if (call.Dialect == ModelDialect.Anthropic && document["message"] is JsonObject message) told = message;
        string member = call.Dialect == ModelDialect.Gemini ? "usageMetadata" : "usage";
        if (told[member] is not JsonObject usage) return false;
        // Anthropic tells the input at the beginning of a stream and the output at its end.
        if (call.Dialect == ModelDialect.Anthropic && _usage is not null) Merge(usage);
        else _usage = (JsonObject)usage.DeepClone();
        return call.HidesUsage && document["choices"] is JsonArray { Count: 0 };
    }

    private void Merge(JsonObject later)
    {
        foreach ((string name, JsonNode? value) in later)
        {
            if (value is not null) _usage![name] = value.DeepClone();
        }
    }

    private ProviderUsage ReportOf(Struct report) => call.Dialect switch
    {
        ModelDialect.OpenAiChat or ModelDialect.OpenAiEmbeddings => new ProviderUsage { OpenAi = report },
        ModelDialect.OpenAiResponses => new ProviderUsage { OpenAiResponses = report },
        ModelDialect.Anthropic => new ProviderUsage { Anthropic = report },
        ModelDialect.Gemini => new ProviderUsage { Gemini = report },
    };
}
