using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Dialects;

/// <summary>
/// Reads answers of Messages. A stream tells its input at the beginning and everything at its end, in numbers that
/// replace those before.
/// </summary>
internal sealed class MessagesReader : AnswerReader
{
    private Struct? _usage;
    private bool _isOutputTold;

    public override bool IsReported => IsBelieved && _usage is not null && _isOutputTold;

    public override long? ReportedInput => _usage is null
        ? null
        : CountOf(_usage, "input_tokens") + CountOf(_usage, "cache_read_input_tokens")
            + CountOf(_usage, "cache_creation_input_tokens");

    public override CommitTokensRequest ToCommit(long usualInput, long outputMost)
    {
        CommitTokensRequest commit = new();
        if (IsReported)
        {
            commit.ProviderUsage = new ProviderUsage { Anthropic = _usage };
            return commit;
        }

        commit.UsageSource = UsageSource.Estimated;
        if (!IsBelieved) _usage = null;
        commit.Usage = new TokenUsage
        {
            // No call has no input: a zero stands for what was not counted yet.
            InputTokens = ReportedInput is null or 0 ? usualInput : CountOf(_usage, "input_tokens"),
            CacheReadTokens = CountOf(_usage, "cache_read_input_tokens"),
            CacheWrite5MTokens = CountOf(_usage, "cache_creation_input_tokens"),
            OutputTokens = Math.Min(Math.Max(SeenOutput, CountOf(_usage, "output_tokens")), outputMost),
        };
        return commit;
    }

    protected override EventFate TakeEvent(JsonElement document)
    {
        switch (TextOf(document, "type"))
        {
            case "error":
                return Failed(CallBody.Find(document, "error") is { } error ? TextOf(error, "type") : null);
            case "message_stop":
                return EventFate.End;
            case "message_start":
                if (document.TryGetProperty("message", out JsonElement message)
                    && message.ValueKind == JsonValueKind.Object)
                {
                    Merge(message);
                }

                return EventFate.Pass;
            case "message_delta":
                _isOutputTold |= Merge(document);
                return EventFate.Pass;
            default:
                if (document.TryGetProperty("delta", out JsonElement delta) && delta.ValueKind == JsonValueKind.Object)
                    Note(delta);
                return EventFate.Pass;
        }
    }

    protected override void TakeAnswer(JsonElement document)
    {
        _isOutputTold = Merge(document);
        if (!document.TryGetProperty("content", out JsonElement content) || content.ValueKind != JsonValueKind.Array)
            return;
        foreach (JsonElement block in content.EnumerateArray())
        {
            if (block.ValueKind == JsonValueKind.Object) Note(block);
        }
    }

    // True where the report says how much was put out.
    private bool Merge(JsonElement owner)
    {
        if (owner.TryGetProperty("model", out JsonElement model) && model.ValueKind == JsonValueKind.String)
            AnsweredModel = model.GetString()!;
        if (!owner.TryGetProperty("usage", out JsonElement usage) || usage.ValueKind != JsonValueKind.Object
            || ReportOf(usage) is not { } report)
        {
            return false;
        }

        _usage ??= new Struct();
        foreach ((string name, Value value) in report.Fields)
        {
            if (value.KindCase != Value.KindOneofCase.NullValue) _usage.Fields[name] = value;
        }

        return report.Fields.ContainsKey("output_tokens");
    }

    private void Note(JsonElement piece)
    {
        foreach (JsonProperty member in piece.EnumerateObject())
        {
            if (member.Name is "text" or "thinking" or "partial_json" or "signature") NoteContent(member.Value);
        }
    }
}
