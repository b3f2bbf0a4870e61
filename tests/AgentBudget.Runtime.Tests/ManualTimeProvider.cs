using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Runtime.Tests;

/// <summary>
/// Time that only the test moves. The package's moves wall and steady clock as one; the log's clock is about a wall
/// clock that jumps beside a steady one.
/// </summary>
internal sealed class ManualTimeProvider() : FakeTimeProvider(new(2026, 11, 18, 10, 0, 0, TimeSpan.Zero))
{
    private TimeSpan _jump;

    public long NowNanos => (GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _jump;

    // The package's timestamp is its wall clock's.
    public override long GetTimestamp() => base.GetTimestamp() - _jump.Ticks;

    /// <summary>Sets the wall clock and leaves the steady clock.</summary>
    public void SetWall(TimeSpan change) => _jump += change;
}
