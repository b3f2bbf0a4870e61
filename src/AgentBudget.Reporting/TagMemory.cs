using Google.Protobuf.Collections;

namespace AgentBudget.Reporting;

/// <summary>
/// The tags of sessions, and of holds and disputes whose call had its own: what a charge that comes later does not
/// repeat. What was written is read again where it is asked for.
/// </summary>
internal sealed class TagMemory(string tenant)
{
    // Some 10 MB; what is beyond is read from the file again.
    private const int CachedMax = 50_000;

    private readonly Dictionary<string, string> _cached = new(StringComparer.Ordinal);

    /// <summary>Reads what was written of an owner; null for nothing.</summary>
    public Func<string, string, string?>? Reader { get; set; }

    /// <summary>Something is known; where nothing ever was, nothing is looked up.</summary>
    public bool HasAny { get; set; }

    /// <summary>By owner, what waits to be written; empty to be deleted.</summary>
    public Dictionary<string, string> Pending { get; } = new(StringComparer.Ordinal);

    /// <summary>The tags of a session.</summary>
    public string OfSession(string session) => Find(session) ?? "";

    /// <summary>The tags of a hold or a dispute, by its event; those of its session where it had no others.</summary>
    public string OfEvent(long sequence, string session) => Find(NameOf(sequence)) ?? OfSession(session);

    public void SetSession(string session, MapField<string, string> tags)
    {
        if (tags.Count > 0) Set(session, TagText.Of("", tags));
    }

    public void SetEvent(long sequence, string session, string tags)
    {
        if (tags != OfSession(session)) Set(NameOf(sequence), tags);
    }

    /// <summary>Nothing more comes of it.</summary>
    public void Drop(long sequence)
    {
        if (HasAny && Find(NameOf(sequence)) is not null) Set(NameOf(sequence), "");
    }

    /// <summary>What waited was written.</summary>
    public void Written()
    {
        Pending.Clear();
        if (_cached.Count > CachedMax) _cached.Clear();
    }

    /// <summary>What waited is to be folded again.</summary>
    public void Clear()
    {
        Pending.Clear();
        _cached.Clear();
    }

    private static string NameOf(long sequence) => FormattableString.Invariant($"e{sequence}");

    private void Set(string owner, string tags)
    {
        HasAny = true;
        Pending[owner] = _cached[owner] = tags;
    }

    private string? Find(string owner)
    {
        if (!HasAny) return null;
        if (!_cached.TryGetValue(owner, out string? tags))
            _cached[owner] = tags = Pending.GetValueOrDefault(owner) ?? Reader?.Invoke(tenant, owner) ?? "";
        return tags.Length > 0 ? tags : null;
    }
}
