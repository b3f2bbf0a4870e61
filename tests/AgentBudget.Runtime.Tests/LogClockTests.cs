using AgentBudget.Runtime.Time;

namespace AgentBudget.Runtime.Tests;

/// <summary>Log time against clocks that jump.</summary>
public sealed class LogClockTests : IDisposable
{
    private static readonly TimeSpan HalfSecond = TimeSpan.FromMilliseconds(500);

    private readonly ManualTimeProvider _time = new();
    private readonly TestLog _log = new();
    private readonly LogClock _clock;
    private readonly long _start;

    public LogClockTests()
    {
        _clock = new LogClock(_time, _log);
        _start = _time.NowNanos;
    }

    public void Dispose() => _log.Dispose();

    [Fact]
    public void Log_time_starts_at_the_wall_and_moves_with_the_steady_clock()
    {
        Assert.Equal(_start, _clock.NowNanos());
        _time.Advance(TimeSpan.FromMilliseconds(1.5));
        Assert.Equal(_start + 1_500_000, _clock.NowNanos());
        _time.Advance(TimeSpan.FromHours(48));
        Assert.Equal(_time.NowNanos, _clock.NowNanos());
        Assert.Equal(0, _log.Count(3001) + _log.Count(3002));
    }

    [Fact]
    public void A_wall_that_is_set_back_is_not_followed_and_is_logged_once()
    {
        _time.SetWall(-TimeSpan.FromHours(1));
        for (int i = 1; i <= 10; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(2));
            Assert.Equal(_start + (i * 2_000_000_000L), _clock.NowNanos());
        }

        Assert.Equal(1, _log.Count(3002));
    }

    [Fact]
    public void A_small_correction_forward_is_followed_at_once()
    {
        _time.SetWall(TimeSpan.FromSeconds(30));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(_time.NowNanos, _clock.NowNanos());
        Assert.Equal(0, _log.Count(3001));
    }

    [Theory]
    [InlineData(61)]
    [InlineData(7_200)]
    [InlineData(31 * 86_400)]
    public void A_jump_ahead_is_followed_whole_once_the_wall_has_said_it_twice(int seconds)
    {
        _time.SetWall(TimeSpan.FromSeconds(seconds));
        _time.Advance(HalfSecond);
        Assert.Equal(_start + 500_000_000L, _clock.NowNanos());
        _time.Advance(HalfSecond / 2);
        Assert.Equal(_start + 750_000_000L, _clock.NowNanos());
        _time.Advance(HalfSecond / 2);
        Assert.Equal(_time.NowNanos, _clock.NowNanos());
        Assert.Equal(1, _log.Count(3001));
    }

    [Fact]
    public void A_wall_that_lies_once_is_not_followed()
    {
        for (int lie = 1; lie <= 10; lie++)
        {
            _time.SetWall(TimeSpan.FromHours(2));
            _time.Advance(HalfSecond);
            _clock.NowNanos();
            _time.SetWall(-TimeSpan.FromHours(2));
            _time.Advance(HalfSecond);
            Assert.Equal(_time.NowNanos, _clock.NowNanos());
        }

        Assert.Equal(_start + 10_000_000_000L, _clock.NowNanos());
    }

    [Fact]
    public void Of_two_leads_the_smaller_is_followed()
    {
        _time.SetWall(TimeSpan.FromDays(20));
        _time.Advance(HalfSecond);
        _clock.NowNanos();
        _time.SetWall(TimeSpan.FromHours(3) - TimeSpan.FromDays(20));
        _time.Advance(HalfSecond);
        Assert.Equal(_time.NowNanos, _clock.NowNanos());
        Assert.Equal(_start + 10_801_000_000_000L, _clock.NowNanos());
    }

    [Fact]
    public void A_jump_beyond_31_days_is_followed_by_a_minute_each_half_second_and_logged_once()
    {
        _time.SetWall(TimeSpan.FromDays(365));
        _time.Advance(HalfSecond);
        Assert.Equal(_start + 500_000_000L, _clock.NowNanos());
        for (int correction = 1; correction <= 10; correction++)
        {
            _time.Advance(HalfSecond);
            Assert.Equal(_start + 500_000_000L + (correction * 60_500_000_000L), _clock.NowNanos());
        }

        Assert.True(_clock.IsBehind);
        Assert.Equal(1, _log.Count(3001));
    }

    [Fact]
    public void A_jump_ahead_is_caught_up_by_itself_while_nobody_asks()
    {
        int jumps = 0;
        _clock.Jumped += () => jumps++;
        _clock.CatchUpByItself();
        _time.SetWall(TimeSpan.FromHours(2));
        Assert.True(_clock.IsBehind);
        Assert.Equal(TimeSpan.FromHours(2), _clock.Lag);

        _time.Advance(HalfSecond);
        _time.Advance(HalfSecond);

        Assert.False(_clock.IsBehind);
        Assert.Equal(1, jumps);
        Assert.Equal(_time.NowNanos, _clock.NowNanos());
        Assert.Equal(_time.GetUtcNow(), _clock.AsTimeProvider().GetUtcNow());
    }

    [Theory]
    [InlineData(-3600, false)]
    [InlineData(0, false)]
    [InlineData(60, false)]
    [InlineData(61, true)]
    public void Log_time_is_behind_above_a_minute(int seconds, bool isBehind)
    {
        _time.SetWall(TimeSpan.FromSeconds(seconds));

        Assert.Equal(isBehind, _clock.IsBehind);
        Assert.Equal(TimeSpan.FromSeconds(Math.Max(0, seconds)), _clock.Lag);
    }

    [Fact]
    public void Log_time_never_goes_back_whatever_the_clocks_do()
    {
        var random = new Random(Seed: 20261118);
        long last = _clock.NowNanos();
        for (int i = 0; i < 10_000; i++)
        {
            if (random.Next(3) == 0) _time.SetWall(TimeSpan.FromMilliseconds(random.Next(-5000, 5000)));
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(0, 700)));
            long now = _clock.NowNanos();
            Assert.True(now >= last);
            last = now;
        }
    }
}
