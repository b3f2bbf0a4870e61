using System.Diagnostics;
using System.Numerics;

namespace AgentBudget.Bench.Http2;

/// <summary>
/// What one connection counted: calls, verdicts, latencies within 1.6 percent. Merged after its thread has ended.
/// </summary>
internal sealed class Tally
{
    private const int SubBits = 6;
    private const int Buckets = (64 - SubBits) << SubBits;

    private readonly long[] _latencies = new long[Buckets];

    /// <summary>All calls that were answered.</summary>
    public long Calls { get; private set; }

    /// <summary>Those answered before the end of the measured time.</summary>
    public long CallsInTime { get; private set; }

    public long Denied { get; private set; }

    public long Failed { get; private set; }

    /// <summary>grpc-status of the last failed call; 0 if its answer could not be read.</summary>
    public int LastFailedStatus { get; private set; }

    public void Add(Verdict verdict, int status, long latencyTicks, bool isInTime)
    {
        Calls++;
        if (isInTime) CallsInTime++;
        switch (verdict)
        {
            case Verdict.Denied:
                Denied++;
                break;
            case Verdict.Failed:
                Failed++;
                LastFailedStatus = status;
                break;
            case Verdict.Good:
                break;
        }
        _latencies[BucketOf((ulong)Math.Max(0, latencyTicks))]++;
    }

    public void Merge(Tally other)
    {
        Calls += other.Calls;
        CallsInTime += other.CallsInTime;
        Denied += other.Denied;
        Failed += other.Failed;
        if (other.Failed > 0) LastFailedStatus = other.LastFailedStatus;
        for (int i = 0; i < Buckets; i++) _latencies[i] += other._latencies[i];
    }

    /// <summary>The latency that this share of the calls stayed within, in milliseconds.</summary>
    public double QuantileMilliseconds(double share)
    {
        long wanted = (long)Math.Ceiling(Calls * share);
        long seen = 0;
        for (int i = 0; i < Buckets; i++)
        {
            seen += _latencies[i];
            if (seen >= wanted && seen > 0) return UpperBoundOf(i) * 1000.0 / Stopwatch.Frequency;
        }
        return 0;
    }

    private static int BucketOf(ulong ticks)
    {
        if (ticks < (1UL << SubBits)) return (int)ticks;
        int shift = BitOperations.Log2(ticks) - SubBits;
        return ((shift + 1) << SubBits) + (int)((ticks >> shift) - (1UL << SubBits));
    }

    private static double UpperBoundOf(int bucket)
    {
        if (bucket < (1 << SubBits)) return bucket;
        int shift = (bucket >> SubBits) - 1;
        ulong mantissa = (ulong)(bucket & ((1 << SubBits) - 1)) + (1UL << SubBits);
        return (mantissa + 1) * Math.Pow(2, shift);
    }
}
