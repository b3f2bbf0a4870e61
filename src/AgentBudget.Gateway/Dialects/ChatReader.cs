using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Dialects;

/// <summary>Reads answers of Chat Completions.</summary>
internal sealed class ChatReader(CallShape shape) : AnswerReader
{
    private Struct? _usage;
    private ServiceTier _tier;

    public override bool IsReported => IsBelieved && _usage is not null;

    public override long? ReportedInput => _usage is null ? null : CountOf(_usage, "prompt_tokens");

    public override CommitTokensRequest ToCommit(long usualInput, long outputMost)
    {
        CommitTokensRequest commit = new() { ServiceTier = _tier };
        if (IsReported)
        {
            commit.ProviderUsage = new ProviderUsage { OpenAi = _usage };
            commit.ProviderUsage.Items.AddRange(shape.UnreportedItems);
            return commit;
        }

        commit.UsageSource = UsageSource.Estimated;
        commit.Usage = new TokenUsage
        {
            InputTokens = usualInput,
            OutputTokens = Math.Min(SeenOutput, outputMost),
        };
        commit.Usage.Items.AddRange(shape.UnreportedItems);
        return commit;
    }

    protected override EventFate TakeMark() => EventFate.End;

    protected override EventFate TakeEvent(JsonElement document)
    {
        if (document.TryGetProperty("error", out JsonElement error) && error.ValueKind != JsonValueKind.Null)
        {
            return Failed(CallBody.Find(error, "code") is { ValueKind: JsonValueKind.Number } status
                ? status.GetRawText()
                : TextOf(error, "code") ?? TextOf(error, "type"));
        }

        Take(document, "delta");
        bool hasNoChoice = document.TryGetProperty("choices", out JsonElement choices)
            && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() == 0;
        bool isUsage = document.TryGetProperty("usage", out JsonElement usage)
            && usage.ValueKind == JsonValueKind.Object;
        return hasNoChoice && isUsage && !shape.WantsUsage ? EventFate.Hide : EventFate.Pass;
    }

    protected override void TakeAnswer(JsonElement document) => Take(document, "message");

    private void Take(JsonElement document, string member)
    {
        if (document.TryGetProperty("usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.Object)
            _usage = ReportOf(usage) ?? _usage;
        if (document.TryGetProperty("model", out JsonElement model) && model.ValueKind == JsonValueKind.String)
            AnsweredModel = model.GetString()!;
        if (document.TryGetProperty("service_tier", out JsonElement tier) && tier.ValueKind == JsonValueKind.String)
            _tier = ServedTier(tier.GetString()!);
        if (!document.TryGetProperty("choices", out JsonElement choices) || choices.ValueKind != JsonValueKind.Array)
            return;
        foreach (JsonElement choice in choices.EnumerateArray())
        {
            if (choice.ValueKind == JsonValueKind.Object && choice.TryGetProperty(member, out JsonElement said)
                && said.ValueKind == JsonValueKind.Object)
            {
                Note(said);
            }
        }
    }

    private void Note(JsonElement said)
    {
        foreach (JsonProperty piece in said.EnumerateObject())
        {
            if (piece.Name is "content" or "refusal" or "reasoning_content" or "reasoning") NoteContent(piece.Value);
        }

        if (!said.TryGetProperty("tool_calls", out JsonElement calls) || calls.ValueKind != JsonValueKind.Array) return;
        foreach (JsonElement call in calls.EnumerateArray())
        {
            if (call.ValueKind == JsonValueKind.Object && call.TryGetProperty("function", out JsonElement function)
                && function.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty piece in function.EnumerateObject()) NoteContent(piece.Value);
            }
        }
    }
}
