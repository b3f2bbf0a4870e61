using System.Net.Sockets;
using System.Text;
using AgentBudget.Edge.Tests.Support;

namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>Each attack on a connection of its own, beside a caller who must not notice.</summary>
public sealed class HostileConnectionTests
{
    private const uint ProtocolError = 1;
    private const uint FrameSizeError = 6;

    [Theory]
    [InlineData("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")]
    public async Task A_wrong_preface_closes_the_connection(string preface)
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress, preface);
        await raw.Closed.Within("the end of the connection");
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task A_frame_that_claims_to_be_huge_closes_the_connection()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress);
        await raw.TryWriteAsync(RawHttp2.Frame(RawHttp2.Headers, 4, 1, [], length: 0xFF_FF_FF));
        await raw.Closed.Within("the end of the connection");
        Assert.Equal(FrameSizeError, raw.GoAwayError);
        await AssertServesAsync(server);
    }

    [Theory]
    [InlineData(RawHttp2.Settings, 0)]
    [InlineData(RawHttp2.Ping, 8)]
    public async Task A_flood_of_control_frames_disturbs_nobody(byte type, int bytes)
    {
        await using EdgeServer server = await EdgeServer.StartAsync(setup => setup.ExpectsProblems = true);
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress);
        byte[] frame = RawHttp2.Frame(type, 0, 0, new byte[bytes]);
        byte[] burst = [.. Enumerable.Repeat(frame, 1000).SelectMany(one => one)];
        for (int i = 0; i < 20 && await raw.TryWriteAsync(burst); i++)
            await AssertServesAsync(server);
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Rapid_reset_disturbs_nobody()
    {
        // The log stays calm as well: what one caller does to its own connection is no problem of the server.
        await using EdgeServer server = await EdgeServer.StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress);
        for (int burst = 0; burst < 20; burst++)
        {
            if (!await raw.TryWriteAsync(RawHttp2.OpenAndReset(burst * 500, 500)))
                break;
            await AssertServesAsync(server);
        }

        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Resets_on_streams_that_were_never_opened_close_the_connection()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress);
        await raw.TryWriteAsync(RawHttp2.Frame(RawHttp2.ResetStream, 0, 99, [0, 0, 0, 8]));
        await raw.Closed.Within("the end of the connection");
        Assert.Equal(ProtocolError, raw.GoAwayError);
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Headers_that_never_end_close_the_connection()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress);
        byte[] more = [.. Enumerable.Repeat(RawHttp2.Literal(31, new string('x', 100)), 100).SelectMany(one => one)];
        await raw.TryWriteAsync(RawHttp2.Frame(RawHttp2.Headers, 0, 1, RawHttp2.EchoHeaders));
        int sent = 0;
        while (sent < 10_000 && await raw.TryWriteAsync(RawHttp2.Frame(RawHttp2.Continuation, 0, 1, more)))
            sent++;
        await raw.Closed.Within("the end of the connection");
        Assert.InRange(sent, 1, 9_999);
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task A_header_that_unfolds_to_megabytes_is_refused()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(server.GrpcAddress);

        // One entry of 3000 bytes goes into the table, and one byte each unfolds it again 10,000 times.
        byte[] entry = [0x40, 1, (byte)'x', 0x7F, .. Length(3000 - 127), .. Enumerable.Repeat((byte)'y', 3000)];
        byte[] block = [.. RawHttp2.EchoHeaders, .. entry, .. Enumerable.Repeat((byte)0xBE, 10_000)];
        await raw.TryWriteAsync(RawHttp2.Frame(
            RawHttp2.Headers, RawHttp2.EndHeaders | RawHttp2.EndStream, 1, block));
        await raw.Closed.Within("the end of the connection");
        Assert.NotNull(raw.GoAwayError);
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Connections_that_never_begin_keep_nobody_out()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        List<RawHttp2> idle = [];
        for (int i = 0; i < 200; i++)
            idle.Add(await RawHttp2.ConnectAsync(server.GrpcAddress, preface: ""));
        await AssertServesAsync(server);
        foreach (RawHttp2 raw in idle)
            await raw.DisposeAsync();
    }

    [Fact]
    public async Task Callers_who_leave_in_the_middle_of_a_body_leave_no_trace_in_the_log()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        for (int i = 0; i < 10; i++)
        {
            using TcpClient client = new();
            await client.ConnectAsync(server.HttpAddress.Host, server.HttpAddress.Port);
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"POST {RawClient.JsonEchoPath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + "content-length: 1000\r\n\r\n{"));
            client.Client.Shutdown(SocketShutdown.Send);
            await AssertEndsAsync(stream);
        }

        await AssertServesAsync(server);
    }

    private static async Task AssertEndsAsync(NetworkStream stream)
    {
        try
        {
            Assert.Equal(0, await stream.ReadAsync(new byte[1]).AsTask().Within("the server's end"));
        }
        catch (IOException)
        {
            // Ended by a reset, which is as good.
        }
    }

    private static async Task AssertServesAsync(EdgeServer server) =>
        Assert.Equal("beside", (await server.EchoAsync("beside").Within("a call beside the attack")).Text);

    /// <summary>A length of HPACK beyond its prefix, for which seven bits a byte are enough.</summary>
    private static byte[] Length(int rest) => [(byte)((rest & 0x7F) | 0x80), (byte)(rest >> 7)];
}
