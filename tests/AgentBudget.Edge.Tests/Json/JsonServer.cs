using System.Collections.Concurrent;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;

namespace AgentBudget.Edge.Tests.Json;

/// <summary>One server for all tests of JSON, which keeps what reached its method.</summary>
public sealed class JsonServer : IAsyncLifetime
{
    internal ConcurrentQueue<Shapes> Drawn { get; } = [];

    internal EdgeServer Edge { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Edge = await EdgeServer.StartAsync(setup => setup.Draw = Drawn.Enqueue);

    public async ValueTask DisposeAsync() => await Edge.DisposeAsync();
}
