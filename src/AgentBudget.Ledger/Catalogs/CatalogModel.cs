using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// What turns ask of the catalog in force. Its entries are changed in place by a patch; all else is derived once and
/// replaced whole.
/// </summary>
internal sealed class CatalogModel
{
    /// <summary>Before the first catalog.</summary>
    public static readonly CatalogModel None =
        new(new CatalogApplied { Catalog = new Catalog() }, version: 0, new PriceBook(0, new Catalog()));

    private readonly string[] _requiredTags;
    private CatalogApplied? _applied;
    private TimeZoneInfo? _zone;

    public CatalogModel(CatalogApplied applied, long version, PriceBook book)
        : this(
            CatalogDiff.HeadOf(applied.Catalog), new CatalogEntries(applied.Catalog), applied.Format, version, book) =>
        _applied = applied;

    private CatalogModel(Catalog head, CatalogEntries entries, CatalogFormat format, long version, PriceBook book)
    {
        Head = head;
        Entries = entries;
        Format = format;
        Version = version;
        Book = book;
        _requiredTags =
        [
            .. head.Tags
                .Where(tag => tag.Value.Required)
                .Select(tag => tag.Key)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// The catalog after a patch. Takes the entries of this one, which is over, and changes them in place.
    /// </summary>
    public CatalogModel Patched(CatalogPatched patched, long version)
    {
        Entries.Change(patched);
        PriceBook book = patched.PriceVersion == Book.Version ? Book : Entries.BookOf(patched.PriceVersion, Book);
        return new CatalogModel(HeadAfter(patched), Entries, patched.Format, version, book);
    }

    /// <summary>The event that made it what it is; 0 where a state of a former release did not say.</summary>
    public long Version { get; }

    /// <summary>What the tenant itself has, and the tags: the catalog without its lists.</summary>
    public Catalog Head { get; }

    /// <summary>The entries of its lists.</summary>
    public CatalogEntries Entries { get; }

    public PriceBook Book { get; }

    /// <summary>How it, or its last patch, was written.</summary>
    public CatalogFormat Format { get; }

    /// <summary>As it was applied; once it was patched, what is in force, without a document.</summary>
    public CatalogApplied Applied => _applied ??= Whole();

    /// <summary>The entry or tag of an item; null where there is none.</summary>
    public IMessage? Find(string item) => item.StartsWith(CatalogList.TagPrefix, StringComparison.Ordinal)
        ? Head.Tags.TryGetValue(item[CatalogList.TagPrefix.Length..], out TagRule? rule) ? rule : null
        : Entries.Find(item);

    public string Currency => Head.Currency;

    public bool IsApplied => Head.Tenant.Length > 0;

    /// <summary>Looked up on first use: replay needs no time zone rules.</summary>
    public TimeZoneInfo Zone => _zone ??= TimeZoneInfo.FindSystemTimeZoneById(Head.TimeZone);

    /// <summary>
    /// The first required tag, by name, that neither the session nor the call carries; null if all are there.
    /// </summary>
    public string? MissingTag(MapField<string, string> sessionTags, MapField<string, string> callTags)
    {
        foreach (string tag in _requiredTags)
        {
            if (!sessionTags.ContainsKey(tag) && !callTags.ContainsKey(tag)) return tag;
        }

        return null;
    }

    /// <summary>
    /// Tags that the catalog does not declare or values that it does not allow; null if there are none.
    /// </summary>
    public List<Fault>? TagFaults(MapField<string, string> tags)
    {
        if (tags.Count == 0) return null;
        List<Fault>? faults = null;
        foreach (KeyValuePair<string, string> tag in tags)
        {
            if (!Head.Tags.TryGetValue(tag.Key, out TagRule? rule))
                (faults ??= []).Add(new Fault($"tags.{tag.Key}", "is not declared in the catalog"));
            else if (rule.Values.Count > 0 && !rule.Values.Contains(tag.Value))
                (faults ??= []).Add(new Fault($"tags.{tag.Key}", $"must be one of: {string.Join(", ", rule.Values)}"));
        }

        return faults;
    }

    /// <summary>
    /// The fault of an amount in another currency than the tenant's; null for the tenant's own or an empty code.
    /// </summary>
    public Fault? CurrencyFault(Money? money, string field) =>
        money is null || money.CurrencyCode.Length == 0 || money.CurrencyCode == Currency
            ? null
            : new Fault($"{field}.currencyCode", $"must be {Currency}, the tenant's currency");

    // The entries are referred to, because they never change.
    private CatalogApplied Whole()
    {
        Catalog catalog = Head.Clone();
        Entries.AddTo(catalog);
        return new CatalogApplied { Catalog = catalog, Format = Format, PriceVersion = Book.Version };
    }

    private Catalog HeadAfter(CatalogPatched patched)
    {
        IEnumerable<string> removed = patched.Removed
            .Where(item => item.StartsWith(CatalogList.TagPrefix, StringComparison.Ordinal))
            .Select(item => item[CatalogList.TagPrefix.Length..]);
        Catalog head = Head.Clone();
        foreach ((string name, TagRule rule) in patched.Put.Tags) head.Tags[name] = rule;
        foreach (string name in removed) head.Tags.Remove(name);
        return head;
    }
}
