using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Identity;

/// <summary>
/// When and from where one credential is used. What every call does is a look at some words that change once a minute;
/// a lock is taken for a place that is not known. Safe for any thread.
/// </summary>
internal sealed class CredentialUsage
{
    /// <summary>More places within an hour tell nothing more: it is shared.</summary>
    internal const int PlacesMax = 8;

    /// <summary>Places count as one credential's at once within this long, in minutes.</summary>
    internal const long WindowMinutes = 60;

    private const long SecondsPerMinute = 60;

    private readonly Lock _gate = new();
    private PlaceUse[] _places = []; // Replaced whole; as long as there are places.
    private long _lastMinute;
    private long _crowdedMinute;
    private long _unproven;
    private long _wrong;
    private long _toldUseMinute;
    private long _toldMinute;
    private bool _hasNews;

    /// <param name="lastUseSeconds">When it was last used, as the ledger knows; 0 for not.</param>
    internal CredentialUsage(long lastUseSeconds)
    {
        _lastMinute = lastUseSeconds / SecondsPerMinute;
        _toldUseMinute = _lastMinute;
    }

    /// <summary>When it was last used, in seconds since 1970, to the minute; 0 for not.</summary>
    internal long LastUseSeconds => Volatile.Read(ref _lastMinute) * SecondsPerMinute;

    /// <summary>It was used.</summary>
    internal void Note(string place, long nowSeconds)
    {
        // Written once a minute: a line of cache that every call wrote would be fought over by all cores.
        long minute = nowSeconds / SecondsPerMinute;
        if (Volatile.Read(ref _lastMinute) != minute)
            Volatile.Write(ref _lastMinute, minute);
        foreach (PlaceUse known in Volatile.Read(ref _places))
        {
            if (known.Place != place)
                continue;
            if (Volatile.Read(ref known.Minute) != minute)
                Volatile.Write(ref known.Minute, minute);
            return;
        }

        if (Volatile.Read(ref _crowdedMinute) != minute)
            Add(place, minute);
    }

    /// <summary>Its secret was shown without the certificate that it is bound to.</summary>
    internal void NoteUnproven() => Interlocked.Increment(ref _unproven);

    /// <summary>What was shown for it was not its secret, or not signed with its key.</summary>
    internal void NoteWrong() => Interlocked.Increment(ref _wrong);

    /// <summary>What is known now and, where it was not told, how often it was not proven.</summary>
    internal CredentialUse Look(long number)
    {
        long last = Volatile.Read(ref _lastMinute);
        CredentialUse use = new()
        {
            Credential = number,
            Unproven = Interlocked.Read(ref _unproven),
            WrongSecrets = Interlocked.Read(ref _wrong),
        };
        if (last > 0)
            use.LastUseTime = new Timestamp { Seconds = last * SecondsPerMinute };
        use.Places.AddRange(Volatile.Read(ref _places)
            .Where(known => last - Volatile.Read(ref known.Minute) < WindowMinutes)
            .Select(known => known.Place)
            .Order(StringComparer.Ordinal));
        return use;
    }

    /// <summary>
    /// What is to be told, if it is due: at once for a new place, an hour after it was last told for any other use, and
    /// at the end. Null when there is nothing. It counts as told until it is given back.
    /// </summary>
    internal CredentialUse? Take(long number, long nowSeconds, bool isEnd)
    {
        long minute = nowSeconds / SecondsPerMinute;
        lock (_gate)
        {
            bool isUsed = Volatile.Read(ref _lastMinute) > _toldUseMinute
                || Interlocked.Read(ref _unproven) > 0 || Interlocked.Read(ref _wrong) > 0;
            bool isDue = _hasNews || (isUsed && (isEnd || minute - _toldMinute >= WindowMinutes));
            if (!isDue)
                return null;
            CredentialUse use = Look(number);
            Interlocked.Add(ref _unproven, -use.Unproven);
            Interlocked.Add(ref _wrong, -use.WrongSecrets);
            _toldUseMinute = (use.LastUseTime?.Seconds ?? 0) / SecondsPerMinute;
            _toldMinute = minute;
            _hasNews = false;
            return use;
        }
    }

    /// <summary>What was taken could not be told.</summary>
    internal void GiveBack(CredentialUse use)
    {
        lock (_gate)
        {
            Interlocked.Add(ref _unproven, use.Unproven);
            Interlocked.Add(ref _wrong, use.WrongSecrets);
            _hasNews = true;
        }
    }

    private void Add(string place, long minute)
    {
        lock (_gate)
        {
            if (_places.Any(known => known.Place == place))
                return;
            PlaceUse[] recent = [.. _places.Where(known => minute - Volatile.Read(ref known.Minute) < WindowMinutes)];
            if (recent.Length == PlacesMax)
            {
                Volatile.Write(ref _crowdedMinute, minute);
                return;
            }

            Volatile.Write(ref _places, [.. recent, new PlaceUse(place, minute)]);
            _hasNews = true;
        }
    }

    private sealed class PlaceUse(string place, long minute)
    {
        internal long Minute = minute;

        internal string Place { get; } = place;
    }
}
