using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Dialects;

/// <summary>What is to be done with an event of a stream.</summary>
internal enum EventFate
{
    /// <summary>It is passed on.</summary>
    Pass,

    /// <summary>It answers what only the gateway asked for, and is left out.</summary>
    Hide,

    /// <summary>It is passed on, and the answer is whole with it.</summary>
    End,

    /// <summary>It is passed on, and says that the answer failed.</summary>
    Fail,
}

/// <summary>Gathers from an answer, whole or event by event, what its call used.</summary>
internal abstract class AnswerReader
{
    private const int OutputBytesPerToken = 4;   // As providers' own gateways estimate.
    private const int ReportBytesMax = 64 * 1024; // A report is some hundred; a larger one is none.

    private long _contentBytes;
    private long _contentEvents;

    /// <summary>The provider counted everything.</summary>
    public abstract bool IsReported { get; }

    /// <summary>Whether a stream that closes now came to its proper end, where no event says so.</summary>
    public virtual bool IsWhole => false;

    /// <summary>The status of the failure that was read; null before one, and for one that tells none.</summary>
    public int? FailedStatus { get; private set; }

    /// <summary>Input tokens that the provider counted, of all buckets; null where it did not.</summary>
    public abstract long? ReportedInput { get; }

    /// <summary>The model that the answer names; empty before it does.</summary>
    public string AnsweredModel { get; protected set; } = "";

    /// <summary>Whether the provider's report is believed; not where the ledger found that it cannot be read.</summary>
    public bool IsBelieved { get; set; } = true;

    /// <summary>Output tokens so far, by what was seen of them.</summary>
    public long SeenOutput => Math.Max(
        _contentEvents, (_contentBytes + OutputBytesPerToken - 1) / OutputBytesPerToken);

    /// <summary>Reads one event.</summary>
    /// <param name="data">Its data lines, joined.</param>
    public EventFate TakeEvent(ReadOnlyMemory<byte> data)
    {
        if (data.Span.Trim(" \r\n"u8).SequenceEqual("[DONE]"u8)) return TakeMark();
        try
        {
            using JsonDocument document = JsonDocument.Parse(data);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? TakeEvent(document.RootElement)
                : EventFate.Pass;
        }
        catch (JsonException)
        {
            return EventFate.Pass; // The provider's fault: the caller gets it as it is.
        }
    }

    /// <summary>Reads a whole answer.</summary>
    public void TakeAnswer(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object) TakeAnswer(document.RootElement);
        }
        catch (JsonException)
        {
            _contentBytes += json.Length; // Nobody can read it; what it is of output is estimated.
        }
    }

    /// <summary>What to settle: the provider's report, or an estimate that is never nothing.</summary>
    /// <param name="usualInput">Input tokens where nobody counted them.</param>
    /// <param name="outputMost">More than that cannot have been produced.</param>
    public abstract CommitTokensRequest ToCommit(long usualInput, long outputMost);

    protected abstract EventFate TakeEvent(JsonElement document);

    protected abstract void TakeAnswer(JsonElement document);

    protected virtual EventFate TakeMark() => EventFate.Pass;

    /// <summary>Notes a piece of content.</summary>
    protected void NoteContent(JsonElement? text)
    {
        if (text is not { ValueKind: JsonValueKind.String } piece) return;
        int bytes = System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(piece).Length - 2;
        if (bytes <= 0) return;
        _contentBytes += bytes;
        _contentEvents++;
    }

    /// <summary>Notes content that is no text.</summary>
    protected void NoteRaw(JsonElement content)
    {
        _contentBytes += System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(content).Length;
        _contentEvents++;
    }

    /// <summary>Notes that the answer failed.</summary>
    /// <param name="name">What it says of the kind of failure: a status, or a name that providers use.</param>
    protected EventFate Failed(string? name)
    {
        FailedStatus ??= StatusOf(name);
        return EventFate.Fail;
    }

    protected static string? TextOf(JsonElement parent, string name) =>
        CallBody.Find(parent, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>The price list that served, as OpenAI names it.</summary>
    protected static ServiceTier ServedTier(string served) => served switch
    {
        "default" or "standard" => ServiceTier.Standard,
        "flex" => ServiceTier.Flex,
        "priority" or "fast" or "ultrafast" => ServiceTier.Priority,
        _ => ServiceTier.Unspecified,
    };

    private static int? StatusOf(string? name) => name switch
    {
        null => null,
        "invalid_request_error" or "invalid_prompt" or "context_length_exceeded" => 400,
        "authentication_error" or "invalid_api_key" => null, // The gateway's key, not the caller's.
        "permission_error" => 403,
        "not_found_error" or "model_not_found" => 404,
        "request_too_large" => 413,
        "rate_limit_error" or "rate_limit_exceeded" or "requests" or "tokens" or "insufficient_quota"
            or "RESOURCE_EXHAUSTED" => 429,
        "api_error" or "server_error" => 500,
        "UNAVAILABLE" or "slow_down" => 503,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => int.TryParse(name, out int status) && status is >= 400 and <= 599 and not 401 ? status : null,
    };

    /// <summary>A report as the contract takes it; null for one that is too large to be one.</summary>
    protected static Struct? ReportOf(JsonElement usage)
    {
        string text = usage.GetRawText();
        return text.Length <= ReportBytesMax ? JsonParser.Default.Parse<Struct>(text) : null;
    }

    protected static long CountOf(Struct? report, string name) =>
        report is not null && report.Fields.TryGetValue(name, out Value? value)
            && value.KindCase == Value.KindOneofCase.NumberValue && value.NumberValue is >= 0 and < 1e12
            ? (long)value.NumberValue
            : 0;
}
