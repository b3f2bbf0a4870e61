using System.Net;
using AgentBudget.Edge.Tests.Support;
using AgentBudget.Silo.Edge;
using EdgeTest.V1;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Edge.Tests.Connections;

/// <summary>The guards in front of a real server, in cleartext and over TLS.</summary>
public sealed class ConnectionGuardTests : IDisposable
{
    private const byte Priority = 2;
    private const uint ProtocolError = 1;

    private readonly TestCertificate _certificate = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _certificate.Dispose();

    [Fact]
    public async Task One_port_serves_grpc_and_json_over_tls()
    {
        await using EdgeServer server = await StartAsync();
        ByteArrayContent message = new(RawClient.Frame(new EchoRequest { Text = "secret" }));
        message.Headers.TryAddWithoutValidation("content-type", "application/grpc");
        RawAnswer grpc = await server.Raw.SendAsync(
            server.TlsAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.EchoPath, message);
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "secret" }), grpc.Body);
        RawAnswer json = await server.Raw.SendAsync(
            server.TlsAddress, HttpVersion.Version11, HttpMethod.Get, RawClient.JsonEchoPath + "/secret", null);
        Assert.Contains("secret", json.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Control_frames_wait_for_their_budget_and_calls_beside_them_do_not(bool isSecure)
    {
        // As many as the budget keeps, and a tenth of a second's more; priorities, because nothing answers them.
        const int count = 2 * ControlBudget.UnitsKeptMax / ControlFrames.OtherUnits;
        await using EdgeServer server = await StartAsync();
        await using RawHttp2 raw = await RawHttp2.ConnectAsync(isSecure ? server.TlsAddress : server.GrpcAddress);
        long began = _time.GetTimestamp();

        // The last is the reset of a stream that was never opened, which ends the connection once it is read.
        Task<bool> writing = raw.TryWriteAsync(
        [
            .. Enumerable.Repeat(RawHttp2.Frame(Priority, 0, 1, new byte[5]), count).SelectMany(frame => frame),
            .. RawHttp2.Frame(RawHttp2.ResetStream, 0, 99, [0, 0, 0, 8]),
        ]);
        for (; !raw.Closed.IsCompleted; _time.Advance(TimeSpan.FromMilliseconds(1)))
            Assert.Equal("beside", (await server.EchoAsync("beside").Within("a call beside")).Text);
        await writing;
        Assert.Equal(ProtocolError, raw.GoAwayError);
        Assert.True(_time.GetElapsedTime(began) > TimeSpan.FromMilliseconds(90), "It was read at once.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_place_is_free_again_after_callers_reset_and_left(bool isSecure)
    {
        await using EdgeServer server = await StartAsync();
        for (int connection = 0; connection < 5; connection++)
        {
            await using RawHttp2 raw = await RawHttp2.ConnectAsync(isSecure ? server.TlsAddress : server.GrpcAddress);
            for (int burst = 0; burst < 5; burst++)
            {
                Task<bool> writing = raw.TryWriteAsync(RawHttp2.OpenAndReset(burst * 500, 500));
                for (; !writing.IsCompleted; _time.Advance(TimeSpan.FromMilliseconds(1)))
                    await Task.Yield();
                if (!await writing)
                    break;
            }
        }

        await AllFreeAsync(server).Within("the end of all connections");
    }

    private async Task AllFreeAsync(EdgeServer server)
    {
        for (; server.OpenConnections > 0; _time.Advance(ConnectionEnds.EndGrace))
            await Task.Yield();
    }

    private Task<EdgeServer> StartAsync() => EdgeServer.StartAsync(setup => setup.Time = _time, _certificate);
}
