using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Dialects;

/// <summary>What a call asks for, as far as it decides what the call can cost.</summary>
internal sealed record CallShape
{
    public required string Model { get; init; }

    public required bool IsStream { get; init; }

    /// <summary>The most output tokens that the call names, of one answer; null where it names none.</summary>
    public required long? MaxOutputTokens { get; init; }

    /// <summary>Answers that the call asks for.</summary>
    public long Answers { get; init; } = 1;

    /// <summary>Output that the maximum does not bound.</summary>
    public long FurtherOutputTokens { get; init; }

    /// <summary>The answer may be audio.</summary>
    public bool MayBeAudio { get; init; }

    public required InputSize Input { get; init; }

    /// <summary>The provider reads more than the body holds: history, a tool's results.</summary>
    public bool ReadsMore { get; init; }

    public ServiceTier ServiceTier { get; init; } = ServiceTier.Unspecified;

    public string Region { get; init; } = "";

    /// <summary>The version of the API, where a path names several; empty where it names one.</summary>
    public string ApiVersion { get; init; } = "";

    /// <summary>Counted items, at most.</summary>
    public IReadOnlyList<CountedItem> Items { get; init; } = [];

    /// <summary>Items that the provider does not report, and which are settled as they were held.</summary>
    public IReadOnlyList<CountedItem> UnreportedItems { get; init; } = [];

    /// <summary>The caller wants the usage of its stream.</summary>
    public bool WantsUsage { get; init; } = true;
}

/// <summary>How callers of one API speak: where their calls go, what they cost, how errors look.</summary>
internal abstract class Dialect
{
    /// <summary>The most output tokens that a call may name.</summary>
    public const long OutputTokensMax = 10_000_000;

    /// <summary>The most uses of a tool that a provider runs, of a call that may name one.</summary>
    protected const int ToolUsesMax = 1_000;

    /// <summary>Uses of such a tool that a call bounds by nothing.</summary>
    protected const int ToolUsesByDefault = 10;

    /// <summary>The counted item of a search of the web.</summary>
    protected const string SearchSku = "web_search";

    /// <summary>The dialect's name in metrics.</summary>
    public abstract string Name { get; }

    /// <summary>The members of a call that decide about its cost.</summary>
    public abstract IReadOnlySet<string> Members { get; }

    /// <summary>How refusals look.</summary>
    public abstract ErrorShape Errors { get; }

    /// <summary>Whether an upstream of a kind takes calls of this dialect.</summary>
    public abstract bool Speaks(UpstreamKind kind);

    /// <summary>Reads what a call asks for.</summary>
    /// <param name="body">The call.</param>
    /// <param name="request">Its path, where that says a part of it.</param>
    /// <exception cref="CallRefusedException">It cannot be bounded, or is wrong.</exception>
    public abstract CallShape Read(CallBody body, HttpRequest request);

    /// <summary>The model that a request names.</summary>
    public virtual string ModelOf(CallBody body, HttpRequest request) =>
        body.Text("model") is { Length: > 0 and <= 128 } model
            ? model
            : throw new CallRefusedException(RefusalKind.Invalid, "model must be 1 to 128 characters.");

    /// <summary>The path of a call, as an upstream of this dialect has it below its base address.</summary>
    public abstract string PathOf(CallShape shape, string modelId);

    /// <summary>The path at which an upstream counts the input of a call; null where the dialect has none.</summary>
    public virtual string? CountPathOf(HttpRequest request, string modelId) => null;

    /// <summary>Names the model as the upstream does.</summary>
    public virtual void SetModel(CallBody body, string modelId) =>
        body.Set("model", JsonSerializer.SerializeToUtf8Bytes(modelId));

    /// <summary>Bounds the output of a call that names no bound.</summary>
    public abstract void SetMaximum(CallBody body, long tokens);

    /// <summary>Changes the call to what is sent.</summary>
    /// <param name="body">The call.</param>
    /// <param name="shape">What it asks for.</param>
    /// <param name="isDowngraded">Another model runs than the one that was asked for.</param>
    public abstract void Prepare(CallBody body, CallShape shape, bool isDowngraded);

    /// <summary>Reads what the answer of a call used.</summary>
    public abstract AnswerReader MakeReader(CallShape shape);

    /// <summary>The price list that a call asks for; the dearest where it leaves the choice.</summary>
    protected static ServiceTier TierOf(string? tier) => tier switch
    {
        null or "auto" or "default" or "scale" or "standard" or "standard_only" => ServiceTier.Unspecified,
        "flex" => ServiceTier.Standard, // It may be served by the ordinary list, which is dearer.
        "priority" or "fast" or "ultrafast" => ServiceTier.Priority,
        _ => throw new CallRefusedException(
            RefusalKind.Invalid, $"service_tier {tier} is not one whose price is known."),
    };

    /// <summary>Refuses members that move cost out of sight.</summary>
    protected static void Refuse(CallBody body, IEnumerable<(string Member, string Why)> unbounded)
    {
        foreach ((string member, string why) in unbounded)
        {
            if (body.Find(member) is not null)
                throw new CallRefusedException(
                    RefusalKind.Invalid, $"{member} is not taken by this gateway: {why}. Leave it out.");
        }
    }
}
