namespace AgentBudget.Api.Budgets.Providers;

/// <summary>What a key of a provider's report says.</summary>
internal enum UsageField
{
    /// <summary>Nothing that is paid for by itself: known, and left out.</summary>
    Ignored,

    /// <summary>Tokens of the prompt; with the cached ones where the dialect counts so.</summary>
    Prompt,

    /// <summary>Of the prompt, read from a cache.</summary>
    Cached,

    /// <summary>Of the prompt, written to a cache, however long it lives.</summary>
    CacheWrite,

    /// <summary>Written to a cache that lives five minutes.</summary>
    CacheWrite5m,

    /// <summary>Written to a cache that lives one hour.</summary>
    CacheWrite1h,

    /// <summary>Audio of the prompt, cached or not.</summary>
    PromptAudio,

    /// <summary>Images of the prompt, cached or not.</summary>
    PromptImage,

    /// <summary>Audio of what was read from a cache.</summary>
    CachedAudio,

    /// <summary>Images of what was read from a cache.</summary>
    CachedImage,

    /// <summary>Tokens that came to the prompt beside it: from tools, or from citations.</summary>
    Added,

    /// <summary>Audio among these.</summary>
    AddedAudio,

    /// <summary>Images among these.</summary>
    AddedImage,

    /// <summary>Tokens of the answer.</summary>
    Output,

    /// <summary>Thoughts.</summary>
    Reasoning,

    /// <summary>Audio of the answer.</summary>
    OutputAudio,

    /// <summary>Images of the answer.</summary>
    OutputImage,

    /// <summary>All tokens together.</summary>
    Total,

    /// <summary>Tokens of the prompt, billed or not.</summary>
    UnbilledPrompt,

    /// <summary>Tokens of the answer, billed or not.</summary>
    UnbilledOutput,

    /// <summary>How many there are of these: the fields below are no counts of tokens.</summary>
    Counts,

    /// <summary>A list of tokens by modality, of the prompt.</summary>
    PromptModalities,

    /// <summary>Likewise of what was cached.</summary>
    CachedModalities,

    /// <summary>Likewise of what came beside the prompt.</summary>
    AddedModalities,

    /// <summary>Likewise of the answer.</summary>
    OutputModalities,

    /// <summary>A list of what was written to caches, by how long they live.</summary>
    CacheDetails,

    /// <summary>A list of results, each with its tokens of the answer.</summary>
    Results,

    /// <summary>A list of samplings, each a report of its own.</summary>
    Iterations,

    /// <summary>Calls of the provider's own tools, by name.</summary>
    ServerTools,

    /// <summary>Web searches, a counted item; so are those that follow.</summary>
    WebSearches,

    /// <summary>Queries of a reranker.</summary>
    Queries,

    /// <summary>Seconds, begun ones too.</summary>
    Seconds,

    /// <summary>Seconds of audio beside the tokens of the prompt.</summary>
    InputAudioSeconds,

    /// <summary>Images of the prompt, by number.</summary>
    InputImages,

    /// <summary>Pages that were read.</summary>
    Pages,

    /// <summary>The price list that was served.</summary>
    ServiceTier,

    /// <summary>That it was served from a faster, dearer list, whatever else is said of it.</summary>
    Speed,

    /// <summary>Where it was served.</summary>
    Region,

    /// <summary>The model that ran.</summary>
    Model,

    /// <summary>What a router billed, in US dollars.</summary>
    Cost,

    /// <summary>The provider bills the caller by itself, so that the router's cost is not all.</summary>
    OwnKey,
}
