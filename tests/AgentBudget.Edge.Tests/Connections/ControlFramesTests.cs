using System.Buffers;
using AgentBudget.Edge.Tests.Support;
using AgentBudget.Silo.Edge;

namespace AgentBudget.Edge.Tests.Connections;

public sealed class ControlFramesTests
{
    private static readonly byte[] Opening = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

    [Fact]
    public void Frames_of_calls_cost_nothing_and_those_that_only_make_work_do()
    {
        Assert.Equal(0, CostOf(RawHttp2.Frame(RawHttp2.Headers, 4, 1, RawHttp2.EchoHeaders)));
        Assert.Equal(0, CostOf(RawHttp2.Frame(RawHttp2.Data, 0, 1, new byte[100])));
        Assert.Equal(0, CostOf(RawHttp2.Frame(RawHttp2.Data, RawHttp2.EndStream, 1, [])));
        Assert.Equal(ControlFrames.ResetUnits, CostOf(RawHttp2.Frame(RawHttp2.ResetStream, 0, 1, new byte[4])));
        Assert.Equal(ControlFrames.WindowUnits, CostOf(RawHttp2.Frame(8, 0, 0, new byte[4])));
        Assert.Equal(ControlFrames.OtherUnits, CostOf(RawHttp2.Frame(RawHttp2.Data, 0, 1, [])));
        foreach (byte type in new byte[] { 2, RawHttp2.Settings, 5, RawHttp2.Ping, RawHttp2.GoAway, 9, 200 })
            Assert.Equal(ControlFrames.OtherUnits, CostOf(RawHttp2.Frame(type, 0, 0, new byte[8])));
    }

    [Fact]
    public void It_makes_no_difference_where_frames_are_cut()
    {
        byte[] all = [.. Opening, .. Frames(50)];
        for (int step = 1; step < 40; step++)
        {
            ControlFrames frames = new();
            int cost = 0;
            for (int at = 0; at < all.Length; at += step)
            {
                byte[] part = all[at..Math.Min(at + step, all.Length)];
                Assert.Equal(part.Length, frames.Read(new(part), int.MaxValue, out int units));
                cost += units;
            }

            Assert.Equal(50 * (ControlFrames.ResetUnits + ControlFrames.OtherUnits), cost);
        }
    }

    [Fact]
    public void Reading_stops_at_the_frame_with_which_the_cost_reaches_the_bound_and_goes_on_there()
    {
        ReadOnlySequence<byte> all = new([.. Opening, .. Frames(50)]);
        ControlFrames frames = new();
        int cost = 0;
        for (long read = 0; read < all.Length;)
        {
            read += frames.Read(all.Slice(read), 1_000, out int units);
            Assert.InRange(units, 0, 1_000 + ControlFrames.ResetUnits - 1);
            cost += units;
        }

        Assert.Equal(50 * (ControlFrames.ResetUnits + ControlFrames.OtherUnits), cost);
    }

    [Fact]
    public void What_does_not_begin_as_http_2_has_no_frames()
    {
        byte[] text = [.. "POST / HTTP/1.1\r\n\r\n"u8, .. Frames(10)];
        Assert.Equal(text.Length, new ControlFrames().Read(new(text), 1, out int units));
        Assert.Equal(0, units);
    }

    private static byte[] Frames(int count) =>
    [
        .. Enumerable.Repeat<byte[]>(
        [
            .. RawHttp2.Frame(RawHttp2.Headers, 4, 1, RawHttp2.EchoHeaders),
            .. RawHttp2.Frame(RawHttp2.ResetStream, 0, 1, new byte[4]),
            .. RawHttp2.Frame(RawHttp2.Ping, 0, 0, new byte[8]),
        ], count).SelectMany(one => one),
    ];

    private static int CostOf(byte[] frame)
    {
        byte[] all = [.. Opening, .. frame];
        Assert.Equal(all.Length, new ControlFrames().Read(new(all), int.MaxValue, out int units));
        return units;
    }
}
