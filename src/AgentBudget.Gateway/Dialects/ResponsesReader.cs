using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Dialects;

/// <summary>
/// Reads answers of Responses. The report stands in the last event only; which tools the provider ran, in the items of
/// the output.
/// </summary>
internal sealed class ResponsesReader(CallShape shape) : AnswerReader
{
    private readonly Dictionary<string, long> _uses = new(StringComparer.Ordinal);
    private Struct? _usage;
    private ServiceTier _tier;

    public override bool IsReported => IsBelieved && _usage is not null;

    public override long? ReportedInput => _usage is null ? null : CountOf(_usage, "input_tokens");

    public override CommitTokensRequest ToCommit(long usualInput, long outputMost)
    {
        CommitTokensRequest commit = new() { ServiceTier = _tier };
        CountedItem[] uses = [.. _uses.Select(use => new CountedItem { Sku = use.Key, Count = use.Value })];
        if (IsReported)
        {
            commit.ProviderUsage = new ProviderUsage { OpenAiResponses = _usage };
            commit.ProviderUsage.Items.AddRange(uses);
            return commit;
        }

        commit.UsageSource = UsageSource.Estimated;
        commit.Usage = new TokenUsage
        {
            InputTokens = usualInput,
            OutputTokens = Math.Min(SeenOutput, outputMost),
        };
        commit.Usage.Items.AddRange(uses);
        return commit;
    }

    protected override EventFate TakeEvent(JsonElement document)
    {
        string type = TextOf(document, "type") ?? "";
        switch (type)
        {
            case "error":
                return Failed(TextOf(document, "code"));
            case "response.failed":
                TakeResponse(document);
                return Failed(
                    CallBody.Find(CallBody.Find(document, "response"), "error") is { } error
                        ? TextOf(error, "code")
                        : null);
            case "response.completed" or "response.incomplete":
                TakeResponse(document);
                return EventFate.End;
            case "response.output_item.done":
                if (CallBody.Find(document, "item") is { ValueKind: JsonValueKind.Object } item) NoteUse(item);
                return EventFate.Pass;
            default:
                if (type.EndsWith(".delta", StringComparison.Ordinal)) NoteContent(CallBody.Find(document, "delta"));
                return EventFate.Pass;
        }
    }

    protected override void TakeAnswer(JsonElement document)
    {
        Take(document);
        if (_usage is not null || CallBody.Find(document, "output") is not { ValueKind: JsonValueKind.Array } output)
            return;
        NoteRaw(output);
    }

    private void TakeResponse(JsonElement document)
    {
        if (CallBody.Find(document, "response") is { ValueKind: JsonValueKind.Object } response) Take(response);
    }

    private void Take(JsonElement response)
    {
        if (CallBody.Find(response, "usage") is { ValueKind: JsonValueKind.Object } usage)
            _usage = ReportOf(usage) ?? _usage;
        AnsweredModel = TextOf(response, "model") ?? AnsweredModel;
        if (TextOf(response, "service_tier") is { } tier) _tier = ServedTier(tier);
        if (CallBody.Find(response, "output") is not { ValueKind: JsonValueKind.Array } output
            || output.GetArrayLength() == 0)
        {
            return;
        }

        _uses.Clear(); // All of them are here.
        foreach (JsonElement item in output.EnumerateArray()) NoteUse(item);
    }

    private void NoteUse(JsonElement item)
    {
        const string suffix = "_call";
        string type = TextOf(item, "type") ?? "";
        if (!type.EndsWith(suffix, StringComparison.Ordinal)) return;
        string sku = type[..^suffix.Length];
        if (!shape.Items.Any(held => held.Sku == sku)) return;
        // A page that is opened or searched within is none of the searches that are billed.
        string? action = CallBody.Find(item, "action") is { } given ? TextOf(given, "type") : null;
        if (action is not (null or "search")) return;
        _uses[sku] = _uses.GetValueOrDefault(sku) + 1;
    }
}
