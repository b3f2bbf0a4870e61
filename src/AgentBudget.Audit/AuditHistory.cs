namespace AgentBudget.Audit;

/// <summary>
/// What an account settled, by the time of its slice: quarters of an hour that become hours, days and 16 days as they
/// get older. A window with a new period counts the slices that reach into it.
/// </summary>
internal sealed class AuditHistory
{
    private static readonly Int128 Quarter = AuditNumbers.Hour / 4;
    private static readonly Int128 Day = 24 * AuditNumbers.Hour;

    // How long a slice is, and for how long it stays so.
    private static readonly (Int128 Length, Int128 Kept)[] Ages =
        [(Quarter, 2 * Day), (AuditNumbers.Hour, 36 * Day), (Day, 100 * Day), (16 * Day, 400 * Day)];

    // By the start of the slice; what is older than all ages is at 0.
    private readonly SortedDictionary<Int128, (Int128 Length, AuditAmount Settled, AuditAmount Overrun)> _slices = [];

    public bool IsEmpty => _slices.Count == 0;

    public void Add(Int128 now, AuditAmount settled, AuditAmount overrun)
    {
        if (settled == default) return;
        Int128 start = now - (now % Quarter);
        bool isNew = !_slices.ContainsKey(start);
        Put(start, Quarter, settled, overrun);
        if (!isNew) return;
        foreach ((Int128 old, (Int128 length, AuditAmount oldSettled, AuditAmount oldOverrun)) in _slices.ToArray())
            Coarsen(old, length, oldSettled, oldOverrun, now);
    }

    /// <summary>Takes an amount back, from the newest slice on.</summary>
    public void Lower(AuditAmount amount)
    {
        AuditAmount settledLeft = amount;
        AuditAmount overrunLeft = amount;
        foreach (Int128 start in _slices.Keys.Reverse().ToArray())
        {
            (Int128 length, AuditAmount settled, AuditAmount overrun) = _slices[start];
            AuditAmount fromSettled = AuditAmount.Min(settled, settledLeft);
            AuditAmount fromOverrun = AuditAmount.Min(overrun, overrunLeft);
            _slices[start] = (length, settled - fromSettled, overrun - fromOverrun);
            settledLeft -= fromSettled;
            overrunLeft -= fromOverrun;
        }
    }

    public AuditHistory Copy()
    {
        var copy = new AuditHistory();
        foreach ((Int128 start, (Int128, AuditAmount, AuditAmount) slice) in _slices) copy._slices[start] = slice;
        return copy;
    }

    /// <summary>What was settled since a start, less what an earlier copy has of that.</summary>
    public IEnumerable<(Int128 Last, AuditAmount Settled, AuditAmount Overrun)> Since(
        Int128 start, Int128 now, AuditHistory? without)
    {
        if (without is null) return Since(start, now);
        Dictionary<Int128, (AuditAmount Settled, AuditAmount Overrun)> sums = [];
        foreach ((Int128 last, AuditAmount settled, AuditAmount overrun) in Since(start, now))
        {
            (AuditAmount settledThere, AuditAmount overrunThere) = sums.GetValueOrDefault(last);
            sums[last] = (settledThere + settled, overrunThere + overrun);
        }

        foreach ((Int128 last, AuditAmount settled, AuditAmount overrun) in without.Since(start, now))
        {
            if (!sums.TryGetValue(last, out (AuditAmount Settled, AuditAmount Overrun) sum)) continue;
            sums[last] = ((sum.Settled - settled).AboveZero(), (sum.Overrun - overrun).AboveZero());
        }

        return sums.OrderBy(sum => sum.Key).Select(sum => (sum.Key, sum.Value.Settled, sum.Value.Overrun));
    }

    /// <summary>What was settled since a start, and until when each of it may have been.</summary>
    private IEnumerable<(Int128 Last, AuditAmount Settled, AuditAmount Overrun)> Since(Int128 start, Int128 now)
    {
        Int128? length = start <= 0 ? null : LengthAt(now - start);
        foreach ((Int128 at, (_, AuditAmount settled, AuditAmount overrun)) in _slices)
        {
            Int128 last = length is null ? now : (((at / length.Value) + 1) * length.Value) - 1;
            if (last >= start) yield return (Int128.Min(last, now), settled, overrun);
        }
    }

    private static Int128? LengthAt(Int128 age)
    {
        foreach ((Int128 length, Int128 kept) in Ages)
        {
            if (age < kept) return length;
        }

        return null;
    }

    private void Coarsen(Int128 start, Int128 length, AuditAmount settled, AuditAmount overrun, Int128 now)
    {
        (Int128 newStart, Int128 newLength) = (start, length);
        for (int age = 0; age < Ages.Length; age++)
        {
            if (newLength != Ages[age].Length || newStart + newLength + Ages[age].Kept > now) continue;
            newLength = age + 1 < Ages.Length ? Ages[age + 1].Length : 0;
            newStart = newLength == 0 ? 0 : newStart - (newStart % newLength);
        }

        if (newLength == length) return;
        _slices.Remove(start);
        Put(newStart, newLength, settled, overrun);
    }

    // A slice says at most 64 bits; no limit is higher.
    private static AuditAmount Capped(AuditAmount amount) =>
        AuditAmount.Min(amount, new AuditAmount(long.MaxValue, long.MaxValue));

    private void Put(Int128 start, Int128 length, AuditAmount settled, AuditAmount overrun)
    {
        (_, AuditAmount settledThere, AuditAmount overrunThere) = _slices.GetValueOrDefault(start);
        _slices[start] = (length, Capped(settledThere + settled), Capped(overrunThere + overrun));
    }
}
