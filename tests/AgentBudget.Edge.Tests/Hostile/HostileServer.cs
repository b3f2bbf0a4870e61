using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;

namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>One server for all hostile cases, which must stay well through all of them.</summary>
public sealed class HostileServer : IAsyncLifetime
{
    private int _hostileHandled;

    /// <summary>Hostile requests that reached a method.</summary>
    internal int HostileHandled => Volatile.Read(ref _hostileHandled);

    internal EdgeServer Edge { get; private set; } = null!;

    // Hostile requests say so in their text where they are readable; probes and good callers say something else.
    public async ValueTask InitializeAsync() => Edge = await EdgeServer.StartAsync(setup => setup.Echo = (request, _) =>
    {
        if (request.Text == "hostile" || request.Many.Count > 0 || request.Nested is not null)
            Interlocked.Increment(ref _hostileHandled);
        return Task.FromResult(new EchoResponse { Text = request.Text });
    });

    public async ValueTask DisposeAsync() => await Edge.DisposeAsync();
}
