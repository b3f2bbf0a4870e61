using System.Net;
using AgentBudget.Bench.Edge;
using AgentBudget.Rpc;
using Microsoft.Extensions.Logging.Abstractions;

// Serves the same call twice, once by the edge and once by Kestrel alone, prints both addresses as one line, and ends
// when its input does.
var health = new HealthService();
health.Set("", isServing: true);
var services = new RpcServices();
health.AddTo(services);
var options = new RpcServerOptions { GrpcEndPoint = new IPEndPoint(IPAddress.Loopback, 0) };
await using var edge = new RpcServer(
    options, services, guard: null, fallback: null, NullLoggerFactory.Instance, TimeProvider.System);
await edge.StartAsync(CancellationToken.None);
await using var bare = await BareServer.StartAsync();
Console.WriteLine($"{bare.Address} {edge.GrpcEndPoint}");
await Console.In.ReadToEndAsync();
