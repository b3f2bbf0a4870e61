using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Dialects;

/// <summary>
/// Reads answers of Gemini. Every event may tell the usage so far, and the last one tells it all; no event says that it
/// is the last, so a stream is whole when it closes after a reason why it finished.
/// </summary>
internal sealed class GeminiReader(CallShape shape) : AnswerReader
{
    private Struct? _usage;
    private bool _isFinished;
    private long _searches;

    public override bool IsReported => IsBelieved && _isFinished && _usage is not null;

    public override bool IsWhole => _isFinished;

    public override long? ReportedInput => _usage is null
        ? null
        : CountOf(_usage, "promptTokenCount") + CountOf(_usage, "toolUsePromptTokenCount");

    public override CommitTokensRequest ToCommit(long usualInput, long outputMost)
    {
        CommitTokensRequest commit = new();
        CountedItem[] searches = _searches > 0 && shape.Items.Count > 0
            ? [new CountedItem { Sku = shape.Items[0].Sku, Count = _searches }]
            : [];
        if (IsReported)
        {
            commit.ProviderUsage = new ProviderUsage { Gemini = _usage };
            commit.ProviderUsage.Items.AddRange(searches);
            return commit;
        }

        commit.UsageSource = UsageSource.Estimated;
        long input = IsBelieved ? CountOf(_usage, "promptTokenCount") : 0;
        long output = CountOf(_usage, "candidatesTokenCount") + CountOf(_usage, "thoughtsTokenCount");
        commit.Usage = new TokenUsage
        {
            InputTokens = input > 0 ? input : usualInput,
            OutputTokens = Math.Min(Math.Max(SeenOutput, IsBelieved ? output : 0), outputMost),
        };
        commit.Usage.Items.AddRange(searches);
        return commit;
    }

    protected override EventFate TakeEvent(JsonElement document)
    {
        if (CallBody.Find(document, "error") is { } error)
        {
            return Failed(CallBody.Find(error, "code") is { ValueKind: JsonValueKind.Number } code
                ? code.GetRawText()
                : TextOf(error, "status"));
        }

        Take(document);
        return EventFate.Pass;
    }

    protected override void TakeAnswer(JsonElement document)
    {
        Take(document);
        _isFinished = true;
    }

    private void Take(JsonElement document)
    {
        if (CallBody.Find(document, "usageMetadata") is { ValueKind: JsonValueKind.Object } usage)
            _usage = ReportOf(usage) ?? _usage;
        AnsweredModel = TextOf(document, "modelVersion") ?? AnsweredModel;
        // A prompt that is blocked has no candidates.
        _isFinished |= CallBody.Find(CallBody.Find(document, "promptFeedback"), "blockReason") is not null;
        if (CallBody.Find(document, "candidates") is not { ValueKind: JsonValueKind.Array } candidates) return;
        foreach (JsonElement candidate in candidates.EnumerateArray())
        {
            _isFinished |= CallBody.Find(candidate, "finishReason") is not null;
            NoteSearches(candidate);
            JsonElement? parts = CallBody.Find(CallBody.Find(candidate, "content"), "parts");
            if (parts is not { ValueKind: JsonValueKind.Array } list) continue;
            foreach (JsonElement part in list.EnumerateArray()) Note(part);
        }
    }

    private void Note(JsonElement part)
    {
        NoteContent(CallBody.Find(part, "text"));
        if (CallBody.Find(part, "functionCall") is { } call) NoteRaw(call);
        if (CallBody.Find(part, "executableCode") is { } code) NoteRaw(code);
    }

    // The queries so far, again in each event.
    private void NoteSearches(JsonElement candidate)
    {
        if (CallBody.Find(candidate, "groundingMetadata") is not { ValueKind: JsonValueKind.Object } grounding) return;
        long queries = CallBody.Find(grounding, "webSearchQueries") is { ValueKind: JsonValueKind.Array } list
            ? list.GetArrayLength()
            : 1;
        _searches = Math.Max(_searches, queries);
    }
}
