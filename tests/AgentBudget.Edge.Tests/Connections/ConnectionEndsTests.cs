using AgentBudget.Edge.Tests.Support;
using AgentBudget.Silo.Edge;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Edge.Tests.Connections;

public sealed class ConnectionEndsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly ConnectionEnds _connections;
    private readonly TaskCompletionSource _serving = Waiting.NewSignal();
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _served;

    public ConnectionEndsTests()
    {
        _connections = new ConnectionEnds(_time, NullLogger.Instance);
        DefaultConnectionContext connection = new() { ConnectionClosed = _closed.Token };
        _served = _connections.Around(_ => _serving.Task)(connection);
    }

    public void Dispose() => _closed.Dispose();

    [Fact]
    public async Task A_connection_has_its_place_until_it_has_been_served()
    {
        Assert.Equal(1, _connections.Open);
        _serving.SetResult();
        await _served.Within("the end of the connection");
        Assert.Equal(0, _connections.Open);
    }

    [Fact]
    public async Task A_closed_connection_that_does_not_end_is_let_go_of()
    {
        await _closed.CancelAsync();
        while (!_served.IsCompleted)
        {
            _time.Advance(ConnectionEnds.EndGrace);
            await Task.Yield();
        }

        await _served;
        Assert.Equal(0, _connections.Open);
    }

    [Fact]
    public async Task An_open_connection_may_take_as_long_as_it_likes()
    {
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(1, _connections.Open);
        _serving.SetResult();
        await _served.Within("the end of the connection");
    }

    [Fact]
    public async Task What_fails_while_it_serves_fails_on()
    {
        _serving.SetException(new InvalidOperationException("broken"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => _served.Within("the end of the connection"));
        Assert.Equal(0, _connections.Open);
    }
}
