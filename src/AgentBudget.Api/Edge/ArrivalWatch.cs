using System.Collections.Concurrent;
using System.IO.Pipelines;

namespace AgentBudget.Api.Edge;

/// <summary>
/// Request messages that were not there at the first look, so that one that does not arrive ends its call. The others,
/// the many, never enter.
/// </summary>
internal sealed class ArrivalWatch : IAsyncDisposable
{
    // How late a message that does not arrive may be noticed.
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<PipeReader, long> _awaited = new();
    private readonly TimeProvider _time;
    private readonly ITimer _sweep;

    public ArrivalWatch(TimeProvider time)
    {
        _time = time;
        _sweep = time.CreateTimer(static self => ((ArrivalWatch)self!).Sweep(), this, SweepInterval, SweepInterval);
    }

    public ValueTask DisposeAsync() => _sweep.DisposeAsync();

    internal void Add(PipeReader body) => _awaited[body] = _time.GetTimestamp();

    internal void Remove(PipeReader body) => _awaited.TryRemove(body, out _);

    private void Sweep()
    {
        foreach ((PipeReader body, long since) in _awaited)
        {
            if (_time.GetElapsedTime(since) < MessageBounds.ArrivalMax)
                continue;
            Remove(body);
            try
            {
                body.CancelPendingRead();
            }
            catch (ObjectDisposedException)
            {
                // The request has ended, and nobody reads any more. An exception on the timer would end the process.
            }
        }
    }
}
