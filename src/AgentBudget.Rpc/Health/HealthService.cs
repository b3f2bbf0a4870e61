using System.Collections.Immutable;
using Google.Protobuf.Reflection;
using Grpc.Health.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace AgentBudget.Rpc;

/// <summary>
/// The standard <c>grpc.health.v1.Health</c>: whether the server, and each of its services, can be called. The host
/// sets it; until then nothing serves. For many threads at once.
/// </summary>
public sealed class HealthService
{
    // Answers never change, so one instance of each serves every call.
    private static readonly HealthCheckResponse Serving = new() { Status = ServingStatus.Serving };
    private static readonly HealthCheckResponse NotServing = new() { Status = ServingStatus.NotServing };
    private static readonly HealthCheckResponse ServiceUnknown = new() { Status = ServingStatus.ServiceUnknown };

    private readonly Lock _gate = new();
    private State _state = new(
        ImmutableDictionary.Create<string, HealthCheckResponse>(StringComparer.Ordinal).Add("", NotServing));

    /// <summary>The proto's descriptor of the service.</summary>
    public static ServiceDescriptor Descriptor => HealthReflection.Descriptor.Services[0];

    /// <summary>Sets the state of a service and tells those who watch it.</summary>
    /// <param name="service">The full name; empty for the server as a whole.</param>
    /// <param name="isServing">Whether calls are served.</param>
    public void Set(string service, bool isServing)
    {
        ArgumentNullException.ThrowIfNull(service);
        State before;
        lock (_gate)
        {
            before = _state;
            Volatile.Write(
                ref _state, new State(before.Services.SetItem(service, isServing ? Serving : NotServing)));
        }

        before.Changed.SetResult();
    }

    /// <summary>Adds the service to those that a server serves.</summary>
    /// <param name="services">Where to add it.</param>
    public void AddTo(RpcServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.Add(Descriptor, builder => builder
            .Unary<HealthCheckRequest, HealthCheckResponse>("Check", Check)
            .ServerStreaming<HealthCheckRequest, HealthCheckResponse>("Watch", WatchAsync));
    }

    private ValueTask<HealthCheckResponse> Check(HealthCheckRequest request, RpcCall call)
    {
        if (Volatile.Read(ref _state).Services.TryGetValue(request.Service, out HealthCheckResponse? answer))
            return new(answer);
        throw new RpcException(RpcStatusCode.NotFound, "This server has no such service.");
    }

    private async Task WatchAsync(
        HealthCheckRequest request, IRpcStreamWriter<HealthCheckResponse> responses, RpcCall call)
    {
        HealthCheckResponse? sent = null;
        while (true)
        {
            State state = Volatile.Read(ref _state);
            HealthCheckResponse now = state.Services.GetValueOrDefault(request.Service, ServiceUnknown);
            if (!ReferenceEquals(now, sent))
                await responses.WriteAsync(now);
            sent = now;
            await state.Changed.Task.WaitAsync(call.Cancellation);
        }
    }

    /// <summary>Replaced whole at every change, and then says so.</summary>
    private sealed class State(ImmutableDictionary<string, HealthCheckResponse> services)
    {
        internal ImmutableDictionary<string, HealthCheckResponse> Services { get; } = services;

        internal TaskCompletionSource Changed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
