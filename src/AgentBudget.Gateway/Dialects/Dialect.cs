using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;

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

    /// <summary>The dialect's name in metrics.</summary>
    public abstract string Name { get; }

    /// <summary>The members of a call that decide about its cost.</summary>
    public abstract IReadOnlySet<string> Members { get; }

    /// <summary>How refusals look.</summary>
    public abstract ErrorShape Errors { get; }

    /// <summary>The member that bounds the output, for a call that names none.</summary>
    public abstract string MaximumMember { get; }

    /// <summary>The path below an upstream's base address.</summary>
    public abstract string UpstreamPath { get; }

    /// <summary>Whether an upstream of a kind takes calls of this dialect.</summary>
    public abstract bool Speaks(UpstreamKind kind);

    /// <summary>Reads what a call asks for.</summary>
    /// <exception cref="CallRefusedException">It cannot be bounded, or is wrong.</exception>
    public abstract CallShape Read(CallBody body);

    /// <summary>Changes the call to what is sent.</summary>
    /// <param name="body">The call.</param>
    /// <param name="shape">What it asks for.</param>
    /// <param name="isDowngraded">Another model runs than the one that was asked for.</param>
    public abstract void Prepare(CallBody body, CallShape shape, bool isDowngraded);

    /// <summary>Adds the upstream's key.</summary>
    public abstract void Authorize(HttpRequestMessage request, string? key);

    /// <summary>Reads what the answer of a call used.</summary>
    public abstract AnswerReader MakeReader(CallShape shape);
}
