using System.IO.Pipelines;
using AgentBudget.Edge.Tests.Support;
using AgentBudget.Silo.Edge;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Edge.Tests.Connections;

public sealed class PacedInputTests : IDisposable
{
    // More than is let through at once, and more than the budget keeps.
    private const int Resets = 2 * ControlBudget.UnitsKeptMax / ControlFrames.ResetUnits;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);
    private static readonly byte[] Opening = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];
    private static readonly byte[] Flood =
        [.. Opening, .. Enumerable.Repeat(RawHttp2.Frame(3, 0, 1, new byte[4]), Resets).SelectMany(one => one)];

    private readonly FakeTimeProvider _time = new();
    private readonly ControlBudget _budget;
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _serving = Waiting.NewSignal();

    public PacedInputTests() =>
        _budget = new ControlBudget(_time, ControlBudget.UnitsPerSecond, ControlBudget.UnitsKeptMax);

    public void Dispose() => _closed.Dispose();

    [Fact]
    public async Task Control_frames_are_shown_no_faster_than_their_budget()
    {
        (PipeWriter sending, PipeReader shown) = Connect();
        await sending.WriteAsync(Flood);
        long began = _time.GetTimestamp();
        Assert.Equal(Flood, await ReadAsync(shown, Flood.Length, isTimeMoving: true));
        TimeSpan took = _time.GetElapsedTime(began);

        // Half of it had been kept; the rest comes in a tenth of a second.
        Assert.InRange(took.TotalSeconds, 0.09, 60);
    }

    [Fact]
    public async Task Nothing_waits_for_what_is_within_the_budget()
    {
        (PipeWriter sending, PipeReader shown) = Connect();
        await sending.WriteAsync(Flood.AsMemory(0, Flood.Length / 2));
        Assert.Equal(Flood.Length / 2, (await ReadAsync(shown, Flood.Length / 2, isTimeMoving: false)).Length);
    }

    [Fact]
    public async Task A_connection_without_control_frames_waits_for_nobody()
    {
        _budget.Take(10 * ControlBudget.UnitsPerSecond);
        (PipeWriter sending, PipeReader shown) = Connect();
        byte[] call = [.. Opening, .. RawHttp2.Frame(0, 0, 1, new byte[1000])];
        await sending.WriteAsync(call);
        Assert.Equal(call, await ReadAsync(shown, call.Length, isTimeMoving: false));
    }

    [Fact]
    public async Task The_few_control_frames_of_an_ordinary_caller_wait_for_nobody()
    {
        _budget.Take(10 * ControlBudget.UnitsPerSecond);
        (PipeWriter sending, PipeReader shown) = Connect();
        byte[] begin =
        [
            .. Opening, .. RawHttp2.Frame(RawHttp2.Settings, 0, 0, new byte[6]),
            .. RawHttp2.Frame(RawHttp2.Settings, 1, 0, []), .. RawHttp2.Frame(8, 0, 0, new byte[4]),
            .. RawHttp2.Frame(RawHttp2.Ping, 0, 0, new byte[8]),
        ];
        await sending.WriteAsync(begin);
        Assert.Equal(begin, await ReadAsync(shown, begin.Length, isTimeMoving: false));
    }

    [Fact]
    public void Nobody_waits_longer_than_the_bound_however_much_others_took()
    {
        for (int i = 0; i < 1_000; i++)
            Assert.InRange(_budget.Take(PacedInput.UnitsAtOnce), TimeSpan.Zero, ControlBudget.WaitMax);
        _time.Advance(ControlBudget.WaitMax + TimeSpan.FromMilliseconds(1));
        Assert.Equal(TimeSpan.Zero, _budget.Take(1));
    }

    [Fact]
    public async Task What_waits_of_a_connection_that_is_over_is_not_read()
    {
        (PipeWriter sending, PipeReader shown) = Connect();
        await sending.WriteAsync(Flood);
        await ReadAsync(shown, Flood.Length / 2, isTimeMoving: false);
        Task<ReadResult> waiting = ReadUntilWaitingAsync(shown);
        await _closed.CancelAsync();
        ReadResult last = await waiting.Within("the end of the wait");
        Assert.True(last is { IsCompleted: true, Buffer.IsEmpty: true });
    }

    [Fact]
    public async Task A_wait_ends_when_the_read_is_canceled()
    {
        (PipeWriter sending, PipeReader shown) = Connect();
        await sending.WriteAsync(Flood);
        await ReadAsync(shown, Flood.Length / 2, isTimeMoving: false);
        Task<ReadResult> waiting = ReadUntilWaitingAsync(shown);
        shown.CancelPendingRead();
        Assert.True((await waiting.Within("the end of the wait")).IsCanceled);
    }

    [Fact]
    public async Task What_waits_is_not_there_for_those_who_only_look()
    {
        (PipeWriter sending, PipeReader shown) = Connect();
        _budget.Take(ControlBudget.UnitsKeptMax);
        await sending.WriteAsync(Flood);
        Assert.False(shown.TryRead(out _));
        _time.Advance(ControlBudget.WaitMax);
        Assert.True(shown.TryRead(out ReadResult result));
        Assert.InRange(result.Buffer.Length, 1, Flood.Length - 1);
    }

    // The first read that has to wait.
    private static async Task<ReadResult> ReadUntilWaitingAsync(PipeReader shown)
    {
        while (true)
        {
            ReadResult result = await shown.ReadAsync();
            if (result.IsCanceled || result.IsCompleted)
                return result;
            shown.AdvanceTo(result.Buffer.End);
        }
    }

    private async Task<byte[]> ReadAsync(PipeReader shown, int count, bool isTimeMoving)
    {
        List<byte> read = [];
        while (read.Count < count)
        {
            Task<ReadResult> reading = shown.ReadAsync().AsTask();
            for (; isTimeMoving && !reading.IsCompleted; await Task.Yield())
                _time.Advance(Step);
            ReadResult result = await reading.Within("bytes that need not wait");
            foreach (ReadOnlyMemory<byte> segment in result.Buffer)
                read.AddRange(segment.Span);
            shown.AdvanceTo(result.Buffer.End);
        }

        return [.. read];
    }

    private (PipeWriter Sending, PipeReader Shown) Connect()
    {
        Pipe sent = new(new PipeOptions(pauseWriterThreshold: 0));
        DefaultConnectionContext connection = new()
        {
            ConnectionClosed = _closed.Token,
            Transport = new Duplex(sent.Reader, new Pipe().Writer),
        };
        _ = PacedInput.Around(_ => _serving.Task, _budget, _time)(connection);
        return (sent.Writer, connection.Transport.Input);
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
